//! A real agent under load: a service that is away, one that takes less than is written, and an end
//! with much left to do.

mod support;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use support::{Pod, Reply, Service, append};
use testkit::process::{Program, Running, Signal, resident_bytes};

const LIMIT: Duration = Duration::from_secs(60);
const MIB: u64 = 1 << 20;

/// Lines with a number each, of `size` bytes with their newline. They compress badly, so that what
/// the agent holds counts.
fn lines(from: usize, to: usize, size: usize) -> Vec<String> {
    static NOISE: OnceLock<String> = OnceLock::new();
    let noise = NOISE.get_or_init(|| {
        let mut random = StdRng::seed_from_u64(1);
        (0..1 << 16).map(|_| format!("{:016x}", random.random::<u64>())).collect()
    });
    let rest = size - 9;
    let at = |number: usize| (number * rest) % (noise.len() - rest);
    (from..to).map(|number| format!("{number:0>8}{}", &noise[at(number)..][..rest])).collect()
}

/// Writes 5 MB in a second, in lines of 1 KB; gives the highest memory of the agent meanwhile.
fn write(pod: &Pod, agent: &Running, from: usize, to: usize) -> u64 {
    let (start, mut most) = (Instant::now(), 0);
    for (step, first) in (from..to).step_by(100).enumerate() {
        let due = start + Duration::from_millis(20) * step as u32;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        append(&pod.log("a.log"), &lines(first, to.min(first + 100), 1001));
        most = most.max(resident_bytes(agent.pid()).unwrap_or(0));
    }
    most
}

/// The service is away while an application goes on writing, and comes back.
#[track_caller]
fn check_away(leave: impl Fn(&Service), come_back: impl Fn(&Service)) {
    let service = Service::storing();
    let pod = Pod::new(&service).set("SIDETAIL_AGENT_REQUEST_SECONDS", "1");
    let agent = pod.start();
    let before = write(&pod, &agent, 0, 5_000);
    service.wait_for(&lines(0, 5_000, 1001));
    leave(&service);
    let away = write(&pod, &agent, 5_000, 20_000);
    assert!(away <= before + 2 * MIB, "{before} bytes became {away}");
    come_back(&service);
    service.wait_for(&lines(0, 20_000, 1001));
    let ended = agent.terminate(LIMIT).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.output.join("\n"));
}

#[test]
fn a_service_that_nobody_reaches_costs_no_memory_and_no_line() {
    check_away(Service::close, Service::open);
}

#[test]
fn a_service_that_does_not_answer_costs_no_memory_and_no_line() {
    check_away(
        |service| service.follow(|_| Reply::Stall(Duration::from_secs(60))),
        |service| service.follow(|_| Reply::Store),
    );
}

#[test]
fn a_service_that_resets_connections_costs_no_memory_and_no_line() {
    check_away(
        |service| service.follow(|_| Reply::Reset),
        |service| service.follow(|_| Reply::Store),
    );
}

/// A control group of its own that may hold so much memory, as long as this lives.
struct Cage(PathBuf);

impl Cage {
    /// `None` where nobody may make one.
    fn new(bytes: u64) -> Option<Self> {
        let name = format!("sidetail-load-{}", std::process::id());
        let one = (Path::new("/sys/fs/cgroup/memory"), "memory.limit_in_bytes");
        let two = (Path::new("/sys/fs/cgroup"), "memory.max");
        [one, two].into_iter().find_map(|(root, limit)| {
            let cage = Self(root.join(&name));
            std::fs::create_dir(&cage.0).ok()?;
            // Without the file the controller is not there.
            let can_limit = cage.0.join(limit).exists()
                && std::fs::write(cage.0.join(limit), bytes.to_string()).is_ok();
            can_limit.then_some(cage)
        })
    }

    /// How often something in it was killed for want of memory.
    fn kills(&self) -> u64 {
        let text = ["memory.oom_control", "memory.events"]
            .iter()
            .find_map(|file| std::fs::read_to_string(self.0.join(file)).ok());
        let text = text.expect("the kernel counts");
        let kills = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        kills.and_then(|count| count.trim().parse().ok()).expect("a count")
    }
}

impl Drop for Cage {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// Starts the agent in the cage. A shell enters it and becomes the agent.
fn start_in(cage: Option<&Cage>, pod: &Pod) -> Running {
    let Some(Cage(dir)) = cage else { return pod.start() };
    let script = format!("echo $$ > {}/cgroup.procs && exec \"$0\"", dir.display());
    let agent = env!("CARGO_BIN_EXE_sidetail-agent");
    let program = Program::at("/bin/sh", "sidetail-agent").args(["-c", &script]).arg(agent);
    let settings = pod.settings().iter();
    settings.fold(program, |program, (name, value)| program.env(name, value)).start().unwrap()
}

#[test]
fn three_times_what_a_logstore_takes_hurts_neither_the_agent_nor_other_logstores() {
    // So many bytes a second one logstore takes.
    const QUOTA: f64 = 3e6;
    let taken = Arc::new(Mutex::new((Instant::now(), 0.0)));
    let service = Service::start(move |ask| {
        if ask.logstore != "flood" {
            return Reply::Store;
        }
        let mut taken = taken.lock().unwrap();
        let (since, bytes) = &mut *taken;
        if *bytes > since.elapsed().as_secs_f64() * QUOTA {
            return Reply::RefuseFor(403, "ShardWriteQuotaExceed", 0);
        }
        *bytes += ask.raw_size as f64;
        Reply::Store
    });
    let pod = Pod::new(&service);
    for number in 0..4 {
        pod.configure("flood", r#""filePattern": "*.flood""#);
        append(&pod.log(&format!("{number}.flood")), &[]);
    }
    let cage = Cage::new(64 * MIB);
    let mut agent = start_in(cage.as_ref(), &pod);
    let (start, mut most) = (Instant::now(), 0);
    for round in 0..30 {
        let due = start + Duration::from_millis(100) * round as u32;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        for number in 0..4 {
            // Together 9 MB in a second.
            let path = pod.log(&format!("{number}.flood"));
            append(&path, &lines(round * 225, round * 225 + 225, 1001));
        }
        append(&pod.log("a.log"), &lines(round * 10, round * 10 + 10, 101));
        most = most.max(resident_bytes(agent.pid()).unwrap_or(0));
        if round % 10 == 9 {
            service.wait_for_in("all", &lines(0, round * 10 + 10, 101));
        }
    }
    let so_far = service.contents_of("flood").len();
    assert!(so_far < 4 * 30 * 225, "it is more than the logstore takes");
    assert!(agent.is_running());
    assert!(most < 32 * MIB, "{most} bytes resident");
    service.follow(|_| Reply::Store);
    let ended = agent.terminate(LIMIT).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.output.join("\n"));
    assert_eq!(cage.as_ref().map_or(0, Cage::kills), 0);
    let mut by_file = std::collections::BTreeMap::<String, Vec<String>>::new();
    for batch in service.stored().into_iter().filter(|batch| batch.logstore == "flood") {
        let lines = by_file.entry(batch.tags["__path__"].clone()).or_default();
        lines.extend(batch.logs.into_iter().map(|log| log[0].1.clone()));
    }
    assert_eq!(by_file.len(), 4);
    for (path, found) in by_file {
        assert!(found == lines(0, 30 * 225, 1001), "{path} has not every line in its order");
    }
}

#[test]
fn the_end_delivers_a_large_backlog_or_says_what_is_left() {
    const SIZE: usize = 64 << 20;
    const LINE: usize = 32 << 10;
    // Three batches, and then none in time.
    let service = Service::start(|ask| match ask.number {
        0..3 => Reply::Store,
        _ => Reply::Refuse(503, "ServerBusy"),
    });
    let pod = Pod::new(&service).set("SIDETAIL_AGENT_DRAIN_SECONDS", "1");
    let all = lines(0, SIZE / LINE, LINE + 1);
    let agent = pod.start_watching();
    // It sleeps through the writing: nothing is read when the signal comes.
    agent.signal(Signal::STOP);
    append(&pod.log("a.log"), &all);
    let size = std::fs::metadata(pod.log("a.log")).unwrap().len();
    agent.signal(Signal::TERM);
    agent.signal(Signal::CONT);
    let ended = agent.wait(LIMIT).unwrap();
    assert_eq!(ended.status.code(), Some(3));
    let stored: u64 = service.stored().iter().map(|it| it.span.end - it.span.start).sum();
    assert!(stored > 0);
    let said = ended.output.join("\n");
    let left = format!("{} bytes of 1 files are not delivered", size - stored);
    assert!(said.contains(&left), "{left} is not in {said}");
    let named = format!("missing:{} ", size - stored);
    let name = pod.log("a.log").to_string_lossy().into_owned();
    let names = |line: &&String| line.contains("not delivered: ") && line.contains(&named);
    assert!(ended.output.iter().find(names).is_some_and(|line| line.contains(&name)), "{said}");
    // With enough time everything goes, though the end begins at once.
    service.follow(|_| Reply::Store);
    let pod = pod.set("SIDETAIL_AGENT_DRAIN_SECONDS", "50");
    let agent = pod.start();
    agent
        .wait_line("that it starts", LIMIT, |line| line.contains(" starts").then_some(()))
        .unwrap();
    agent.signal(Signal::TERM);
    let ended = agent.wait(LIMIT).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.output.join("\n"));
    assert!(service.contents() == all, "every line once and in order");
}
