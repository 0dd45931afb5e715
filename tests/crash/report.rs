//! What a case found out, and the table of all of them.

use std::{fmt::Write as _, time::Duration};

use crate::judge::Verdict;

/// What a complaint says when no fault struck.
pub(crate) const PROVES_NOTHING: &str = "this proves nothing";

/// What a case found out.
#[derive(Debug, Default)]
pub(crate) struct Finding {
    pub(crate) rows: Vec<Row>,
    pub(crate) bars: Vec<(String, u64)>,
    /// All that is wrong.
    pub(crate) complaints: Vec<String>,
}

/// One line of the table.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) fault: String,
    pub(crate) store: &'static str,
    pub(crate) struck: usize,
    pub(crate) lost: usize,
    pub(crate) second: usize,
    pub(crate) open: usize,
    /// That of half of the messages, and the longest.
    pub(crate) takeover: Option<(Duration, Duration)>,
    pub(crate) note: String,
}

impl Row {
    /// The line of a verdict.
    pub(crate) fn of(fault: impl Into<String>, store: &'static str, verdict: &Verdict) -> Self {
        Self {
            fault: fault.into(),
            store,
            struck: verdict.landed,
            lost: verdict.lost.len(),
            second: verdict.second,
            open: verdict.open,
            takeover: verdict.takeover(),
            note: String::new(),
        }
    }

    /// The same with a remark.
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }
}

impl Finding {
    /// The finding of one verdict: `faults` were meant to strike.
    pub(crate) fn of(row: Row, verdict: &Verdict, faults: usize) -> Self {
        Self { rows: vec![row], bars: Vec::new(), complaints: verdict.complaints(faults) }
    }

    /// Complains unless `good`.
    pub(crate) fn demand(&mut self, good: bool, complaint: impl FnOnce() -> String) {
        if !good {
            self.complaints.push(complaint());
        }
    }

    /// Complains that no fault struck unless `struck`.
    pub(crate) fn demand_struck(&mut self, struck: bool, complaint: impl FnOnce() -> String) {
        self.demand(struck, || format!("{}: {PROVES_NOTHING}", complaint()));
    }

    /// Adds a bar.
    pub(crate) fn bar(&mut self, name: impl Into<String>, value: usize) {
        self.bars.push((name.into(), value as u64));
    }
}

/// The table.
pub(crate) fn table(rows: &[Row]) -> String {
    let head = ["fault", "store", "struck", "lost", "2nd copies", "open", "takeover", ""];
    let cells: Vec<[String; 8]> = rows.iter().map(cells).collect();
    let width = |column: usize| {
        let longest = cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        longest.max(head[column].len())
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut text = line(&head.map(str::to_owned), &widths);
    cells.iter().for_each(|row| text.push_str(&line(row, &widths)));
    text
}

fn cells(row: &Row) -> [String; 8] {
    let takeover = row
        .takeover
        .map_or("-".into(), |(half, most)| format!("{:.1}/{:.1} s", half.as_secs_f64(), most.as_secs_f64()));
    [
        row.fault.clone(),
        row.store.to_owned(),
        row.struck.to_string(),
        row.lost.to_string(),
        row.second.to_string(),
        row.open.to_string(),
        takeover,
        row.note.clone(),
    ]
}

/// Words to the left, numbers to the right.
fn line(cells: &[String; 8], widths: &[usize]) -> String {
    let mut text = String::new();
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let width = *width;
        let _ = if matches!(column, 2..=6) {
            write!(text, "{cell:>width$}  ")
        } else {
            write!(text, "{cell:<width$}  ")
        };
    }
    text.trim_end().to_owned() + "\n"
}
