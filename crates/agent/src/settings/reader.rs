//! Looks options up where they may be given, by the rank of the [table](super::options), and
//! remembers which source won and which lost.

use super::instance::InstanceFile;
use super::options::{Effect, OptionInfo, Rank, option, options};
use super::{Given, Origin, SettingsError, refuse};
use serde_json::Value;

/// A value, and where it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) value: String,
    pub(super) from: String,
}

/// Collects values with their origin.
pub(super) struct Reader<'a> {
    pub(super) given: &'a Given<'a>,
    pub(super) file: InstanceFile,
    pub(super) origins: Vec<Origin>,
    pub(super) warnings: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(given: &'a Given<'a>) -> Self {
        Self { given, file: InstanceFile::default(), origins: Vec::new(), warnings: Vec::new() }
    }

    /// The value of an option, if any source gives one.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        self.chosen(name, |_| true)
    }

    /// The value of an option; a value of the environment that is not `accepted` counts as not
    /// given, with a warning (`agent` 1.1: floors).
    pub(super) fn chosen(&mut self, name: &str, accepted: impl Fn(&str) -> bool) -> Option<String> {
        let option = option(name).unwrap_or_else(|| panic!("{name} is not in the table"));
        debug_assert_eq!(option.effect, Effect::Used, "{name} is read, so it has an effect");
        let (accepted, ignored): (Vec<Chosen>, Vec<Chosen>) = self
            .given_by(option)
            .into_iter()
            .partition(|chosen| !chosen.from.starts_with(ENVIRONMENT) || accepted(&chosen.value));
        for chosen in ignored {
            let shown = shown(option, &chosen.value);
            self.warnings.push(format!(
                "{} = {shown} is below what Logtail accepts from the environment and is ignored",
                chosen.from
            ));
        }
        let mut accepted = accepted.into_iter();
        let Chosen { value, from } = accepted.next()?;
        let over: Vec<String> =
            accepted.filter(|other| other.value != value).map(|other| other.from).collect();
        let setting = option.name.to_owned();
        self.origins.push(Origin { setting, value: shown(option, &value), from, over });
        Some(value)
    }

    /// The value of an option as `parse` reads it; what it refuses ends the program.
    pub(super) fn parsed<T>(
        &mut self,
        name: &str,
        default: T,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, SettingsError> {
        match self.text(name) {
            None => Ok(default),
            Some(text) => parse(&text).map_err(|reason| refuse(name, reason)),
        }
    }

    /// The value of an option of Logtail as `parse` reads it; what it refuses is ignored with a
    /// warning, because Logtail would.
    pub(super) fn lenient<T>(
        &mut self,
        name: &str,
        accepted: impl Fn(&str) -> bool,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.chosen(name, accepted)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.origins.retain(|origin| origin.setting != name);
                self.warnings.push(format!("{name}: {reason}; it is ignored"));
                None
            }
        }
    }

    /// Notes a value that no option gives.
    pub(super) fn note(&mut self, setting: &str, value: &str, from: &str) {
        self.origins.push(Origin {
            setting: setting.to_owned(),
            value: value.to_owned(),
            from: from.to_owned(),
            over: Vec::new(),
        });
    }

    /// Everything that is given for an option, the winner first.
    fn given_by(&self, option: &OptionInfo) -> Vec<Chosen> {
        let mut found: Vec<Chosen> = option
            .variables()
            .iter()
            .filter_map(|name| {
                let value = self.given.env.get(name).map(|value| value.trim())?;
                let from = format!("{ENVIRONMENT} {name}");
                (!value.is_empty()).then(|| Chosen { value: value.to_owned(), from })
            })
            .collect();
        if option.is_key()
            && let Some((value, path)) = self.file.get(option.name)
            && let Some(value) = plain(value)
        {
            let from = Chosen { value, from: format!("{path} {}", option.name) };
            found.insert(if option.rank == Rank::FileFirst { 0 } else { found.len() }, from);
        }
        found
    }

    /// Says what was given and does nothing: options without effect, unknown keys, and variables
    /// that look like ours and are not.
    pub(super) fn warn_of_the_idle(&mut self) {
        for option in options() {
            let Effect::Without(why) = option.effect else { continue };
            for chosen in self.given_by(option) {
                self.warnings
                    .push(format!("{} has no effect ({}): {why}", chosen.from, option.meaning));
            }
        }
        let is_known = |key: &str| option(key).is_some_and(OptionInfo::is_key);
        let unknown: Vec<String> = self
            .file
            .keys()
            .filter(|(key, _)| !is_known(key))
            .map(|(key, path)| format!("{path} {key} is not a known key and has no effect"))
            .collect();
        self.warnings.extend(unknown);
        let known: Vec<String> = options().flat_map(OptionInfo::variables).collect();
        for name in self.given.env.keys() {
            let looks_like_ours = ["SIDETAIL_AGENT_", "ALIYUN_LOGTAIL_", "LOONG_"]
                .iter()
                .any(|prefix| name.starts_with(prefix));
            if looks_like_ours && !known.contains(name) {
                self.warnings.push(format!(
                    "{ENVIRONMENT} {name} is not a known variable and has no effect"
                ));
            }
        }
    }
}

/// How a variable is announced.
const ENVIRONMENT: &str = "environment";

/// The value as it may be shown.
fn shown(option: &OptionInfo, value: &str) -> String {
    let is_secret = matches!(
        option.name,
        "SIDETAIL_AGENT_ACCESS_KEY_SECRET" | "default_access_key_id" | "default_access_key"
    );
    if is_secret { "(not shown)".to_owned() } else { value.to_owned() }
}

/// A value of the instance file as the environment would say it.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => {
            let text = text.trim();
            (!text.is_empty()).then(|| text.to_owned())
        }
        Value::Null => None,
        other => Some(other.to_string()),
    }
}
