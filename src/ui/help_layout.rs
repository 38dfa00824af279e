//! The layout of help pages on narrow terminals. clap puts every description on a line of its own where one of them does not
//! fit beside its option, which doubles a page.

use dialoguer::console::{measure_text_width, strip_ansi_codes};

/// Spaces between a name and its description.
const GAP: usize = 2;

/// The first column at which descriptions may begin, and their least width.
const MIN_COLUMN: usize = 10;
const MIN_DESCRIPTION: usize = 24;

/// The indentation of the further lines of a usage, and of an example.
const CONTINUATION: &str = "    ";

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

    /// The columns that the name needs before a description.
    fn column(&self) -> usize {
        measure_text_width(self.name) + GAP
    }

    /// The lines of the item where descriptions begin at a column, or behind a name that is longer. Each line of a comment is
    /// marked as one, so that it can be pasted with its command.
    fn lines(&self, column: usize, width: usize) -> Vec<String> {
        let start = column.max(self.column());
        let padding = start - measure_text_width(self.name);
        let (mark, text) = match self.description.strip_prefix("# ") {
            Some(comment) => ("# ", comment),
            None => ("", self.description),
        };
        let first = format!("{}{}{mark}", self.name, " ".repeat(padding));
        let further = format!("{}{mark}", " ".repeat(column));
        // Without the space in front of each word.
        let first = first.strip_suffix(' ').unwrap_or(&first);
        wrap(first, text.split(' '), &further, "", width)
    }
}

/// A page whose lines are not wrapped, within a width. Names and descriptions are two columns, divided where the page is
/// shortest.
pub(crate) fn fit_help(page: &str, width: usize) -> String {
    let mut fitted = Vec::new();
    let mut is_example = false;
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        is_example = (is_example && !line.is_empty()) || line == "Examples:";
        let Some(first) = Item::parse(line) else {
            fitted.extend(fit_line(line, is_example, width));
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
        .map(Item::column)
        .filter(|column| *column + MIN_DESCRIPTION <= width)
        .chain([MIN_COLUMN]);
    let height = |column: usize| layout(column).len();
    let is_beyond = |column: usize| {
        let lines = layout(column);
        lines.iter().any(|line| measure_text_width(line) > width)
    };
    // Of several, the one that leaves the fewest names beyond the column.
    let shortest = columns.min_by_key(|column| {
        let beyond = is_beyond(*column);
        (beyond, height(*column), usize::MAX - column)
    });
    let shortest = shortest.unwrap_or(MIN_COLUMN);
    // A column without exceptions may take a line more than one with several.
    let widest = items.iter().map(Item::column).max().unwrap_or(shortest);
    let exceptions = items.iter().filter(|item| item.column() > shortest).count();
    let fits = widest + MIN_DESCRIPTION <= width && !is_beyond(widest);
    if exceptions > 1 && fits && height(widest) <= height(shortest) + 1 {
        layout(widest)
    } else {
        layout(shortest)
    }
}

/// A line of text, of an example or of a usage.
fn fit_line(line: &str, is_example: bool, width: usize) -> Vec<String> {
    if measure_text_width(line) <= width {
        return vec![line.to_owned()];
    }
    let plain = strip_ansi_codes(line);
    let start = plain.len() - plain.trim_start().len();
    let text = line.trim_start();
    let (indentation, ending) = if is_example && start > 0 {
        (CONTINUATION, " \\")
    } else if start > 0 || plain.starts_with("Usage: ") {
        (CONTINUATION, "")
    } else {
        ("", "")
    };
    let words = if is_example {
        shell_words(text)
    } else {
        text.split(' ').collect()
    };
    let mut words = words.into_iter();
    let first = " ".repeat(start) + words.next().unwrap_or_default();
    wrap(&first, words, indentation, ending, width)
}

/// The words of a command, with their quotes.
fn shell_words(text: &str) -> Vec<&str> {
    let mut quote = None;
    text.split(|char| {
        match (char, quote) {
            ('\'' | '"', None) => quote = Some(char),
            (_, Some(open)) if char == open => quote = None,
            _ => {}
        }
        char == ' ' && quote.is_none()
    })
    .collect()
}

/// A line that goes on with words. Further lines begin with `indentation`, and all but the last one end with `ending`.
fn wrap<'a>(
    first: &str,
    words: impl IntoIterator<Item = &'a str>,
    indentation: &str,
    ending: &str,
    width: usize,
) -> Vec<String> {
    let mut lines = vec![first.to_owned()];
    let mut words = words.into_iter().filter(|word| !word.is_empty()).peekable();
    while let Some(word) = words.next() {
        let reserved = if words.peek().is_some() {
            ending.len()
        } else {
            0
        };
        match lines.last_mut() {
            Some(line)
                if measure_text_width(line) + 1 + measure_text_width(word) + reserved <= width =>
            {
                line.push(' ');
                line.push_str(word);
            }
            last => {
                if let Some(line) = last {
                    line.push_str(ending);
                }
                lines.push(format!("{indentation}{word}"));
            }
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
  tool create --first-option value --second-option 'a b'
  tool list                   # every value that there is, on a line
  tool list --all             # all of them

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
  tool create --first-option value \\
    --second-option 'a b'
  tool list        # every value that there is, on
                   # a line
  tool list --all  # all of them

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
