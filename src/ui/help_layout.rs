//! The layout of help pages on narrow terminals. clap puts every description on a line of its own where one of them does not
//! fit beside its option, which doubles a page.

use dialoguer::console::{measure_text_width, strip_ansi_codes};

/// Spaces between a name and its description.
const GAP: usize = 2;

/// The first column at which descriptions may begin, and their least width.
const MIN_COLUMN: usize = 10;
const MIN_DESCRIPTION: usize = 24;

/// The indentation of the further lines of a usage, and of an example.
const CONTINUATION: usize = 4;

/// An option, an argument or a command, indented, and its description.
struct Item<'a> {
    name: &'a str,
    description: &'a str,
}

impl<'a> Item<'a> {
    /// A line that has two spaces or more between a name and a description.
    fn parse(line: &'a str) -> Option<Self> {
        let start = line.len() - line.trim_start().len();
        let end = start + line.get(start..)?.find("  ")?;
        let (name, description) = (line.get(..end)?, line.get(end..)?.trim_start());
        (start >= 2 && !description.is_empty()).then_some(Self { name, description })
    }

    /// The lines of the item where descriptions begin at a column, or behind a name that is longer.
    fn lines(&self, column: usize, width: usize) -> Vec<String> {
        let name = measure_text_width(self.name);
        let start = column.max(name + GAP);
        let first = format!("{}{}", self.name, " ".repeat(start - name - 1));
        wrap(first, self.description, column, width)
    }
}

/// A page whose lines are not wrapped, within a width. Names and descriptions are two columns, divided where the page is
/// shortest.
pub(crate) fn fit_help(page: &str, width: usize) -> String {
    let mut fitted = Vec::new();
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(first) = Item::parse(line) else {
            fitted.extend(fit_line(line, width));
            continue;
        };
        let mut items = vec![first];
        while let Some(next) = lines.peek().and_then(|next| Item::parse(next)) {
            items.push(next);
            lines.next();
        }
        fitted.extend(fit_items(&items, width));
    }
    fitted.join("\n") + "\n"
}

fn fit_items(items: &[Item<'_>], width: usize) -> Vec<String> {
    let layout = |column: usize| -> Vec<String> {
        let lines = items.iter().flat_map(|item| item.lines(column, width));
        lines.collect()
    };
    let columns = items
        .iter()
        .map(|item| measure_text_width(item.name) + GAP)
        .filter(|column| *column + MIN_DESCRIPTION <= width)
        .chain([MIN_COLUMN]);
    // Of several, the one that leaves the fewest names beyond the column.
    let shortest = columns.min_by_key(|column| (layout(*column).len(), usize::MAX - column));
    layout(shortest.unwrap_or(MIN_COLUMN))
}

/// A line of text, of an example or of a usage.
fn fit_line(line: &str, width: usize) -> Vec<String> {
    if measure_text_width(line) <= width {
        return vec![line.to_owned()];
    }
    let plain = strip_ansi_codes(line);
    let start = plain.len() - plain.trim_start().len();
    let is_command = start > 0 || plain.starts_with("Usage: ");
    let indentation = if is_command { CONTINUATION } else { 0 };
    let mut words = line.trim_start().splitn(2, ' ');
    let first = " ".repeat(start) + words.next().unwrap_or_default();
    wrap(first, words.next().unwrap_or_default(), indentation, width)
}

/// A line that goes on with words; further lines are indented.
fn wrap(line: String, text: &str, indentation: usize, width: usize) -> Vec<String> {
    let mut lines = vec![line];
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if measure_text_width(line) + 1 + measure_text_width(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(" ".repeat(indentation) + word),
        }
    }
    for line in &mut lines {
        line.truncate(line.trim_end().len());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
About

Examples:
  tool create --first-option value --second-option value

\u{1b}[1mUsage:\u{1b}[0m \u{1b}[36mtool\u{1b}[0m create [OPTIONS] --first-option <VALUE>

Options:
      \u{1b}[36m--first-option\u{1b}[0m <VALUE>   Value that is set first
  \u{1b}[36m-s\u{1b}[0m, \u{1b}[36m--second-option\u{1b}[0m <VALUE>  The other
      \u{1b}[36m--all\u{1b}[0m                    Every value that there is
";

    #[test]
    fn a_page_is_as_wide_as_the_terminal() {
        let wide = fit_help(PAGE, 100);
        assert_eq!(wide.lines().count(), PAGE.lines().count());
        let narrow = strip_ansi_codes(&fit_help(PAGE, 50)).into_owned();
        let expected = "\
About

Examples:
  tool create --first-option value --second-option
    value

Usage: tool create [OPTIONS] --first-option
    <VALUE>

Options:
      --first-option <VALUE>  Value that is set
             first
  -s, --second-option <VALUE>  The other
      --all  Every value that there is
";
        assert_eq!(narrow, expected);
        for width in 30..100 {
            let page = fit_help(PAGE, width);
            let widest = page.lines().map(measure_text_width).max();
            assert!(widest <= Some(width), "{width}: {page}");
        }
    }
}
