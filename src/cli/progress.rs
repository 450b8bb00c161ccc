//! A line on the terminal that says how far the run is. None where nobody looks: errors go to a file or a pipe, or the
//! terminal cannot move its cursor.
//!
//! In: the counts of a run. Out: one line of standard error, gone at the end.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};

use crate::escape_terminal;
use crate::source::Progress;

/// Time between two looks at the counts.
const TICK: Duration = Duration::from_millis(100);

/// Shows the line until it is dropped.
pub(super) struct Line {
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Line {
    /// Begins to watch, where standard error is a terminal. `quiet` is for a report that goes to the same terminal at once.
    pub fn watch(progress: &Progress) -> Option<Line> {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if !std::io::stderr().is_terminal() || dumb || std::env::var_os("CI").is_some() {
            return None;
        }
        let (progress, done) = (progress.clone(), Arc::new(AtomicBool::new(false)));
        let over = Arc::clone(&done);
        let thread = std::thread::spawn(move || {
            // A short run shows nothing: a line that only flickers is no help.
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}") {
                bar.set_style(style);
            }
            std::thread::park_timeout(5 * TICK);
            while !over.load(Ordering::Relaxed) {
                bar.set_message(message(&progress));
                bar.tick();
                std::thread::park_timeout(TICK);
            }
            bar.finish_and_clear();
        });
        Some(Line { done, thread: Some(thread) })
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

fn message(progress: &Progress) -> String {
    let (blobs, bytes, place) = progress.now();
    let place = place.map_or(String::new(), |place| {
        // The end of a path tells more than its start.
        let long = place.chars().count().saturating_sub(100);
        let tail: String = place.chars().skip(long).collect();
        format!(" · {}{}", if long > 0 { "…" } else { "" }, escape_terminal(&tail))
    });
    format!("{} files · {}{place}", HumanCount(blobs), HumanBytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_of_a_run_that_has_not_begun() {
        assert_eq!(message(&Progress::default()), "0 files · 0 B");
    }
}
