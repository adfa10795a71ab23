//! What the machine is, in words for the page.

use std::fs;
use std::process::Command;

use anyhow::Result;

use crate::shell;

/// Processor, memory, kernel and versions, one line each.
///
/// # Errors
/// The kernel does not say.
pub fn facts() -> Result<Vec<String>> {
    let cpu = field("/proc/cpuinfo", "model name")?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = field("/proc/meminfo", "MemTotal")?;
    let kib: f64 = memory.split(' ').next().unwrap_or_default().parse().unwrap_or_default();
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let mut facts = vec![
        format!("{cpu}, {cores} cores, {:.0} GiB of memory", kib / f64::from(1 << 20)),
        format!("Linux {}", release.trim()),
        shell::output(shell::rustc().arg("--version"))?,
    ];
    // Only what a reference needs; a machine without it has not measured against it.
    for program in ["psql", "python3"] {
        facts.extend(shell::output(Command::new(program).arg("--version")));
    }
    Ok(facts)
}

/// How busy the machine was over the last minute, in running programs.
pub fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

fn field(file: &str, name: &str) -> Result<String> {
    let text = fs::read_to_string(file)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    Ok(line.trim_start_matches([' ', '\t', ':']).trim().to_owned())
}
