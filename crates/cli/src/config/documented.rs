//! Every configuration on the pages for users is checked with the code that agents run.

use super::verify;
use sls::collect::manifest::{self, Subject};
use std::path::{Path, PathBuf};

/// A fenced block of YAML or JSON.
struct Block {
    /// The page and the line of the fence.
    place: String,
    /// It is there to be refused.
    is_wrong: bool,
    text: String,
}

fn pages(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            pages(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "md") {
            found.push(path);
        }
    }
}

fn blocks(path: &Path) -> Vec<Block> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut blocks: Vec<Block> = Vec::new();
    let mut is_open = false;
    for (number, line) in text.lines().enumerate() {
        if let Some(info) = line.strip_prefix("```") {
            let mut words = info.split_whitespace();
            is_open = !is_open && matches!(words.next(), Some("yaml" | "json"));
            if is_open {
                blocks.push(Block {
                    place: format!("{}:{}", path.display(), number + 1),
                    is_wrong: words.any(|word| word == "refused"),
                    text: String::new(),
                });
            }
        } else if is_open && let Some(block) = blocks.last_mut() {
            block.text.push_str(line);
            block.text.push('\n');
        }
    }
    blocks
}

/// Checks a block; gives how many configurations are in it.
fn check(block: &Block) -> usize {
    let documents = manifest::read(&block.text);
    let mut configs = 0;
    for (number, document) in documents.iter().enumerate() {
        let verdict = verify(document, &block.text, "documented.yaml", number);
        let is_config = matches!(verdict.subject, Some(Subject::Config(_) | Subject::Resource(_)));
        configs += usize::from(is_config);
        let said: Vec<&str> = verdict.diagnostics.iter().map(|it| it.message.as_str()).collect();
        if block.is_wrong {
            assert!(verdict.is_refused(), "{}: is not refused", block.place);
        } else {
            assert_eq!(said, [""; 0], "{}", block.place);
        }
    }
    assert!(!documents.is_empty(), "{}: is empty", block.place);
    configs
}

#[test]
fn what_the_pages_show_is_what_agents_accept() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = Vec::new();
    pages(&root.join("docs"), &mut found);
    let mut in_coming_from_logtail = 0;
    for path in found {
        for block in blocks(&path) {
            let configs = check(&block);
            if path.ends_with("coming-from-logtail.md") {
                in_coming_from_logtail += configs;
            }
        }
    }
    assert_eq!(in_coming_from_logtail, 4);
}

#[test]
fn the_pipeline_of_the_page_is_the_object_above_it() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/coming-from-logtail.md");
    let configs: Vec<_> = blocks(&page)
        .iter()
        .filter_map(|block| {
            let documents = manifest::read(&block.text);
            let config = verify(&documents[0], &block.text, "orders-java.yaml", 0).config?;
            Some(sls::collect::CollectConfig { places: Default::default(), ..config })
        })
        .collect();
    assert_eq!(configs[0], configs[2]);
    assert_eq!(configs[1].name, "orders-json");
}
