//! `sidetail project` and `sidetail logstore`: lists and creates.

use std::io::Write;

use clap::{Args, Subcommand};
use sls::api::Page;
use sls::api::index::{CreateIndex, Index, LineIndex, default_token};
use sls::api::logstore::{CreateLogstore, ListLogstores, LogstoreFields};
use sls::api::project::{CreateProject, ListProjects};

use crate::exit::{Exit, Failure};
use crate::service::{Service, ServiceArgs};

/// Commands about projects.
#[derive(Debug, Clone, Subcommand)]
pub enum ProjectCommand {
    /// Print the names of all projects.
    List {
        /// Where the service is.
        #[command(flatten)]
        service: ServiceArgs,
    },
    /// Create a project.
    Create {
        /// Where the service is.
        #[command(flatten)]
        service: ServiceArgs,
        /// Its name: 3 to 63 characters of a-z, 0-9 and -.
        name: String,
        /// What it is for.
        #[arg(long, default_value = "")]
        description: String,
    },
}

/// Commands about logstores.
#[derive(Debug, Clone, Subcommand)]
pub enum LogstoreCommand {
    /// Print the names of all logstores of a project.
    List {
        /// Which project.
        #[command(flatten)]
        place: Place,
    },
    /// Create a logstore with a full-text index.
    Create {
        /// Which project.
        #[command(flatten)]
        place: Place,
        /// Its name: 2 to 63 characters of a-z, 0-9, - and _.
        name: String,
        /// Days that logs are kept; 3650 is for ever.
        #[arg(long, default_value_t = 180, value_name = "DAYS")]
        ttl: i64,
        /// Shards; 1 to 10.
        #[arg(long, default_value_t = 2, value_name = "N")]
        shards: i64,
    },
}

/// A project in a service.
#[derive(Debug, Clone, Args)]
pub struct Place {
    #[command(flatten)]
    service: ServiceArgs,
    /// The project.
    #[arg(long, short, env = "SIDETAIL_PROJECT", value_name = "NAME")]
    project: String,
}

fn open(args: &ServiceArgs) -> Result<Service, Failure> {
    Service::open(args, |name| std::env::var(name).ok())
}

/// Runs a command about projects.
pub fn run_project(command: &ProjectCommand, out: &mut dyn Write) -> Result<Exit, Failure> {
    match command {
        ProjectCommand::List { service } => {
            let service = open(service)?;
            print_pages(out, |page| {
                let call = ListProjects { page, ..ListProjects::default() };
                let list = service.call("", &call, || "list projects".to_owned())?;
                Ok(list.projects.into_iter().map(|project| project.project_name).collect())
            })
        }
        ProjectCommand::Create { service, name, description } => {
            let call = CreateProject {
                project_name: name.clone(),
                description: description.clone(),
                ..CreateProject::default()
            };
            open(service)?.call("", &call, || format!("create project {name}"))?;
            Ok(Exit::Done)
        }
    }
}

/// Runs a command about logstores.
pub fn run_logstore(command: &LogstoreCommand, out: &mut dyn Write) -> Result<Exit, Failure> {
    match command {
        LogstoreCommand::List { place } => {
            let service = open(&place.service)?;
            print_pages(out, |page| {
                let call = ListLogstores { page, ..ListLogstores::default() };
                let action = || format!("list the logstores of project {}", place.project);
                Ok(service.call(&place.project, &call, action)?.logstores)
            })
        }
        LogstoreCommand::Create { place, name, ttl, shards } => {
            let service = open(&place.service)?;
            let fields = LogstoreFields {
                logstore_name: Some(name.clone()),
                ttl: Some(*ttl),
                shard_count: Some(*shards),
                auto_split: Some(true),
                max_split_shard: Some(32),
                ..LogstoreFields::default()
            };
            service.call(&place.project, &CreateLogstore { fields }, || {
                format!("create logstore {name} in project {}", place.project)
            })?;
            let line = LineIndex { token: default_token(), ..LineIndex::default() };
            let index = Index { line: Some(line), ..Index::default() };
            let call = CreateIndex { logstore: name.clone(), index };
            service.call(&place.project, &call, || format!("create the index of {name}"))?;
            Ok(Exit::Done)
        }
    }
}

/// Prints the names of all pages, one on each line.
fn print_pages(
    out: &mut dyn Write,
    mut list: impl FnMut(Page) -> Result<Vec<String>, Failure>,
) -> Result<Exit, Failure> {
    let mut page = Page::default();
    loop {
        let names = list(page)?;
        for name in &names {
            writeln!(out, "{name}")
                .map_err(|source| Failure::io("cannot write to standard output", source))?;
        }
        if names.len() < page.size {
            return Ok(Exit::Done);
        }
        page.offset += names.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_asked_for() {
        let all: Vec<String> = (0..230).map(|number| format!("p{number}")).collect();
        let mut out = Vec::new();
        print_pages(&mut out, |page| {
            Ok(all.iter().skip(page.offset).take(page.size).cloned().collect())
        })
        .unwrap();
        assert_eq!(String::from_utf8(out).unwrap().lines().count(), 230);
    }
}
