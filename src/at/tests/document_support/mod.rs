//! The document: what differs side by side, then each dialect in full.

mod around;
pub(crate) mod codes;
mod matrix;
mod one;
mod tls;
mod words;

use modemqtt_at::dialect;

const HEAD: &str = "\
# The dialects

Written from the rows in `src/at/dialect` by `make docs`; a test fails when it is stale, so change the rows.

Each figure has its source at its row: for a command the last column of its table, for the rest a comment in the
dialect's file. A dialect that is *experimental* was written second hand, and no module has been asked.

In the forms `<CR>` is left out, what may be missing stands in brackets, and strings stand in quotes. The times are the
module's maximum response times, up to the result URC where there is one; *delivery* is `<pkt_timeout>` × (`<retry_times>` + 1)
with the settings in force.

";

/// The whole of it.
pub(crate) fn document() -> String {
    let mut text = HEAD.to_owned();
    text.push_str(&matrix::all());
    for dialect in dialect::ALL {
        text.push_str(&one::all(dialect));
    }
    text
}

/// A table, its first line the heads of the columns.
fn table(lines: &[Vec<String>]) -> String {
    let mut text = String::new();
    for (at, cells) in lines.iter().enumerate() {
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
        if at == 0 {
            text.push_str(&format!("|{}\n", "---|".repeat(cells.len())));
        }
    }
    text.push('\n');
    text
}
