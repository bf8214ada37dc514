//! Prints the reference of the agent's settings for users, as Markdown. `cargo xtask check` holds
//! `docs/operate/agent-options.md` against it.
#![allow(clippy::print_stdout, reason = "the reference is the output")]

use agent::settings::options::{Effect, OptionInfo, Rank, options};

fn main() {
    section(
        "Settings of Sidetail",
        "Environment variables. They beat every other name for the same thing.",
        |option| option.rank == Rank::Own,
    );
    section(
        "Variables of Logtail and LoongCollector",
        "Environment variables without a key in the instance file. The names of a line mean the \
         same; the first that is set wins.",
        |option| option.rank == Rank::Variable,
    );
    section("Keys of the instance file that the environment beats", INSTANCE, |option| {
        option.rank == Rank::EnvironmentFirst
    });
    section("Keys of the instance file that beat the environment", INSTANCE, |option| {
        option.rank == Rank::FileFirst
    });
}

const INSTANCE: &str = "`ilogtail_config.json` and the fragments in `config.d`. Each key is also \
                        a variable under its own name, with `LOONG_` and in capitals, and by the \
                        names listed.";

fn section(title: &str, text: &str, belongs: fn(&OptionInfo) -> bool) {
    println!("\n### {title}\n\n{text}\n");
    println!("| name | also | default | |\n|---|---|---|---|");
    for option in options().filter(|option| belongs(option)) {
        let also: Vec<String> = option.named.iter().map(|name| format!("`{name}`")).collect();
        let meaning = match option.effect {
            Effect::Used => option.meaning.to_owned(),
            Effect::Without(why) => format!("{}: *no effect, {why}*", option.meaning),
        };
        println!(
            "| `{}` | {} | {} | {} |",
            option.name,
            also.join(", "),
            cell(option.default),
            cell(&meaning)
        );
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
