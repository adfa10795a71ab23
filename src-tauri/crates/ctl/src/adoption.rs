//! `cairnctl adoption`: everybody of a tenant's roster, one by one as they are read.
#![allow(clippy::print_stdout, reason = "a command line prints")]

use std::io::{BufWriter, ErrorKind, Write};

use cairn_app::Session;
use cairn_app::adoption::AdoptionRow;
use cairn_app::error::{Result, fault};
use cairn_app::imports::Watch;
use cairn_app::people::{PeopleQuery, PeopleReading};
use cairn_protocol::ApiError;
use serde_json::{Value, json};

use crate::args::AdoptionArgs;
use crate::run::Answer;

/// Prints the list. A million people are not held, so this does not answer at its end but prints while it
/// reads: where the roster turns out to be damaged midway, what was printed by then is not the list, and the
/// exit code says so.
pub(crate) fn adoption(session: &Session, args: &AdoptionArgs, is_json: bool) -> Result<Answer> {
    if args.csv && is_json {
        return Err(fault("wrong_use", "Say --csv or --json, not both."));
    }
    let reading = session.signed_in(|desk| desk.people_reading(&args.tenant, Watch::default()))?;
    let query = PeopleQuery { role: args.role.clone(), site: args.site.clone(), ..PeopleQuery::default() };
    let mut out = Out { into: BufWriter::new(std::io::stdout().lock()), is_gone: false };
    let written = if args.csv {
        reading.adoption_csv(&query, &mut out).map(drop)
    } else if is_json {
        as_json(&reading, &query, &mut out)
    } else {
        as_lines(&reading, &query, &mut out)
    };
    let flushed = out.flush().map_err(cannot);
    match written.and(flushed) {
        // Whoever reads only the first lines has what they want.
        Err(_) if out.is_gone => Ok(Answer::printed()),
        Err(error) => Err(error),
        Ok(()) => Ok(Answer::printed()),
    }
}

/// The object of SPEC, its list written person by person.
fn as_json(reading: &PeopleReading, query: &PeopleQuery, out: &mut dyn Write) -> Result<()> {
    let tenant = Value::from(reading.slug());
    write!(out, "{{\"tenant\":{tenant},\"people\":[").map_err(cannot)?;
    let mut separator = "";
    let revision = reading.adoption(query, |row| {
        write!(out, "{separator}{}", json!(row)).map_err(cannot)?;
        separator = ",";
        Ok(())
    })?;
    let (revision, masked) = (json!(revision), reading.is_masked());
    writeln!(out, "],\"revision\":{revision},\"figures_as_of\":null,\"masked\":{masked}}}").map_err(cannot)
}

/// A line for everybody, then what there is to know about all of them.
fn as_lines(reading: &PeopleReading, query: &PeopleQuery, out: &mut dyn Write) -> Result<()> {
    let mut people = 0_u64;
    let revision = reading.adoption(query, |row| {
        people += 1;
        writeln!(out, "{}", line(&row)).map_err(cannot)
    })?;
    let about = match revision {
        None => "No roster yet: import one with import run.".to_owned(),
        Some(revision) => {
            format!("{people} people of revision {revision} of the roster. No figures from the platform yet.")
        }
    };
    writeln!(out, "{about}").map_err(cannot)
}

fn line(row: &AdoptionRow) -> String {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    format!("{}\t{}\t{}\t{}", row.id, text(&row.name), text(&row.role), text(&row.site))
}

fn cannot(error: std::io::Error) -> ApiError {
    fault("cannot_write", format!("The list cannot be written: {error}."))
}

/// Standard output, and whether nobody reads it any more.
struct Out<W: Write> {
    into: W,
    is_gone: bool,
}

impl<W: Write> Out<W> {
    fn noted<T>(&mut self, done: std::io::Result<T>) -> std::io::Result<T> {
        self.is_gone |= done.as_ref().is_err_and(|error| error.kind() == ErrorKind::BrokenPipe);
        done
    }
}

impl<W: Write> Write for Out<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let done = self.into.write(bytes);
        self.noted(done)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let done = self.into.flush();
        self.noted(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_one_line_and_what_is_not_known_is_a_dash() {
        let row = AdoptionRow {
            id: "u1".into(),
            name: Some("Ann Lee".into()),
            site: None,
            last_login: None,
            assignments: None,
            submissions: None,
            scored: None,
            backlog: None,
            flags: vec![],
            role: Some("teacher".into()),
            sites: vec![],
        };
        assert_eq!(line(&row), "u1\tAnn Lee\tteacher\t-");
    }

    #[test]
    fn a_pipe_that_nobody_reads_is_noted() {
        struct Full(ErrorKind);
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(self.0.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        for (kind, is_gone) in [(ErrorKind::BrokenPipe, true), (ErrorKind::StorageFull, false)] {
            let mut out = Out { into: Full(kind), is_gone: false };
            assert!(out.write(b"x").is_err());
            assert_eq!(out.is_gone, is_gone);
        }
    }
}
