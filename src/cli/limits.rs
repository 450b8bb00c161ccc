//! The limits of a run, from the command line and from the configuration file.
//!
//! In: arguments and `underlabel.toml`. Out: [`Limits`]. What is given on the command line goes before what the file says, and
//! that before the defaults.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::source::Limits;

/// The limits, each by the same name in the file, under `[limits]`.
#[derive(Clone, Debug, Default, clap::Args, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitArgs {
    /// Worker threads; 0 for one a processor. The result is the same for any number [default: 0]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,

    /// Stop after this many seconds and report what was seen by then
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<u64>,

    /// Containers inside containers [default: 16]
    #[arg(long, value_name = "N")]
    pub max_depth: Option<usize>,

    /// Archive members per input file [default: 1000000]
    #[arg(long, value_name = "N")]
    pub max_members: Option<u64>,

    /// MiB unpacked of one member [default: 16384]
    #[arg(long, value_name = "MIB")]
    pub max_member_size: Option<u64>,

    /// MiB unpacked from one input file [default: 65536]
    #[arg(long, value_name = "MIB")]
    pub max_unpacked: Option<u64>,

    /// MiB unpacked per MiB of input, above 256 MiB [default: 200]
    #[arg(long, value_name = "N")]
    pub max_ratio: Option<u64>,

    /// MiB of one document held in memory at once; what is only searched may be larger [default: 256]
    #[arg(long, value_name = "MIB")]
    pub max_document_size: Option<u64>,

    /// MiB of unpacked members held in memory by a thread; beyond, unnamed temporary files are used [default: 128]
    #[arg(long, value_name = "MIB")]
    pub max_memory: Option<u64>,

    /// Bytes kept of a member's name [default: 4096]
    #[arg(long, value_name = "BYTES")]
    pub max_name_length: Option<usize>,

    /// Read the configuration from this file instead of underlabel.toml in the current folder
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
}

/// The limits of a run. With a time limit, a thread raises the flag when it is over.
pub(super) fn limits(args: &LimitArgs, file: &LimitArgs) -> Limits {
    let base = Limits::default();
    let mib = |given: Option<u64>, file: Option<u64>, base: u64| {
        given.or(file).map_or(base, |mib| mib.saturating_mul(1 << 20))
    };
    let limits = Limits {
        max_depth: args.max_depth.or(file.max_depth).unwrap_or(base.max_depth),
        max_members: args.max_members.or(file.max_members).unwrap_or(base.max_members),
        max_member_bytes: mib(args.max_member_size, file.max_member_size, base.max_member_bytes),
        max_loaded_bytes: mib(args.max_document_size, file.max_document_size, base.max_loaded_bytes),
        max_held_bytes: mib(args.max_memory, file.max_memory, base.max_held_bytes),
        max_total_bytes: mib(args.max_unpacked, file.max_unpacked, base.max_total_bytes),
        max_ratio: args.max_ratio.or(file.max_ratio).unwrap_or(base.max_ratio),
        max_name_bytes: args.max_name_length.or(file.max_name_length).unwrap_or(base.max_name_bytes),
        threads: match args.threads.or(file.threads).unwrap_or(0) {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        },
        ..base
    };
    if let Some(seconds) = args.timeout.or(file.timeout) {
        let stop = limits.stop.clone();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs(seconds));
            stop.raise();
        });
    }
    limits
}
