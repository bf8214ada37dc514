//! Every variable and key that an agent may be given, in one table: what it is called, which
//! source wins, what it does, or why it does nothing here (`agent` 1.1, 1.3).
//!
//! Settings are read through this table only, so that it cannot tell anything else than what is
//! true; the option reference in `docs/operate/` is made from it.

mod files;
mod own;
mod process;

/// Which source wins when several say something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rank {
    /// One of ours: an environment variable, which beats every other name for the same thing.
    Own,
    /// An environment variable of Logtail without a key in the instance file.
    Variable,
    /// The environment beats the instance file.
    EnvironmentFirst,
    /// The instance file beats the environment.
    FileFirst,
}

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It does what it is for.
    Used,
    /// It is accepted, and does nothing because of this.
    Without(&'static str),
}

/// One setting under all its names.
#[derive(Clone, Copy, Debug)]
pub struct OptionInfo {
    /// The key in the instance file, which is also the name of the flag; where there is none, the
    /// variable.
    pub name: &'static str,
    /// Environment variables that are not made from the name by the two rules of
    /// [`variables`](Self::variables).
    pub named: &'static [&'static str],
    /// Which source wins.
    pub rank: Rank,
    /// What holds when it is not set.
    pub default: &'static str,
    /// What it is for.
    pub meaning: &'static str,
    /// What comes of it.
    pub effect: Effect,
}

impl OptionInfo {
    /// Whether it can stand in the instance file.
    pub fn is_key(&self) -> bool {
        matches!(self.rank, Rank::EnvironmentFirst | Rank::FileFirst)
    }

    /// Its environment variables, the one that wins first. What is a key is also known as
    /// `LOONG_` with the key in capitals, and by the key itself.
    pub fn variables(&self) -> Vec<String> {
        let mut variables: Vec<String> = Vec::new();
        if self.is_key() {
            variables.push(format!("LOONG_{}", self.name.to_ascii_uppercase()));
        }
        variables.extend(self.named.iter().map(|name| (*name).to_owned()));
        variables.push(self.name.to_owned());
        variables
    }
}

const fn own(name: &'static str, default: &'static str, meaning: &'static str) -> OptionInfo {
    OptionInfo { name, named: &[], rank: Rank::Own, default, meaning, effect: Effect::Used }
}

const fn variable(
    name: &'static str,
    named: &'static [&'static str],
    default: &'static str,
    meaning: &'static str,
) -> OptionInfo {
    OptionInfo { name, named, rank: Rank::Variable, default, meaning, effect: Effect::Used }
}

const fn key(
    name: &'static str,
    named: &'static [&'static str],
    default: &'static str,
    meaning: &'static str,
) -> OptionInfo {
    OptionInfo { name, named, rank: Rank::FileFirst, default, meaning, effect: Effect::Used }
}

const fn idle_variable(
    name: &'static str,
    named: &'static [&'static str],
    meaning: &'static str,
    why: &'static str,
) -> OptionInfo {
    let effect = Effect::Without(why);
    OptionInfo { name, named, rank: Rank::Variable, default: "", meaning, effect }
}

const fn idle(
    name: &'static str,
    named: &'static [&'static str],
    meaning: &'static str,
    why: &'static str,
) -> OptionInfo {
    let effect = Effect::Without(why);
    OptionInfo { name, named, rank: Rank::FileFirst, default: "", meaning, effect }
}

impl OptionInfo {
    const fn environment_first(mut self) -> Self {
        self.rank = Rank::EnvironmentFirst;
        self
    }
}

/// Finds an option by its name.
pub fn option(name: &str) -> Option<&'static OptionInfo> {
    options().find(|option| option.name == name)
}

/// All options, ours first.
pub fn options() -> impl Iterator<Item = &'static OptionInfo> {
    [own::OWN, process::PROCESS, files::FILES].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_name_stands_for_two_options() {
        let mut seen = HashSet::new();
        for option in options() {
            for variable in option.variables() {
                assert!(seen.insert(variable.clone()), "{variable} of {}", option.name);
            }
        }
    }

    #[test]
    fn every_option_says_what_it_is_for_and_what_holds_without_it() {
        for option in options() {
            assert!(!option.meaning.is_empty(), "{}", option.name);
            match option.effect {
                Effect::Used => assert!(!option.default.is_empty(), "{}", option.name),
                Effect::Without(why) => assert!(!why.is_empty(), "{}", option.name),
            }
            assert_eq!(option.rank == Rank::Own, option.name.starts_with("SIDETAIL_AGENT_"));
        }
    }

    #[test]
    fn a_key_has_the_names_of_both_generations() {
        let names = option("working_ip").unwrap().variables();
        assert_eq!(names, ["LOONG_WORKING_IP", "ALIYUN_LOGTAIL_WORKING_IP", "working_ip"]);
    }
}
