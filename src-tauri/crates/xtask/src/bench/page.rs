//! `docs/benchmarks.md`, from what the slices printed.

use serde_json::Value;

const HEAD: &str = "\
# Benchmarks

Written by `cargo xtask bench`; change the program, not this page. Every figure with a reference was measured
in turn with it, in one run: ours, the reference, the reference, ours and so on. Shown are medians with the
smallest and the largest sample; a ratio is the median of the rounds' ratios, so whatever else the machine did
met both halves. A goal without a ratio is held against the largest sample.
";

/// The page. `results` holds what was kept of each slice, null where nothing was.
pub fn write(slices: &[(&str, &str)], results: &[Value], machine: &[String]) -> String {
    let mut page = HEAD.to_owned();
    page += "\n## The machine\n\n";
    page.extend(machine.iter().map(|fact| format!("- {fact}\n")));
    page += &goals(results);
    for ((_, heading), result) in slices.iter().zip(results) {
        if !result.is_null() {
            page += &section(heading, result);
        }
    }
    let absent = slices.iter().zip(results).filter(|(_, result)| result.is_null());
    let absent: Vec<String> = absent.map(|((_, heading), _)| format!("- {heading}\n")).collect();
    if !absent.is_empty() {
        page += &format!("\n## Not measured\n\n{}", absent.concat());
    }
    page
}

fn goals(results: &[Value]) -> String {
    let figures = || results.iter().flat_map(|result| list(&result["report"]["figures"]));
    let with = |met: bool| figures().filter(move |figure| figure["met"] == Value::Bool(met)).count();
    format!(
        "\n## Goals\n\n{} met, {} missed. The missed ones are marked below, with the cause.\n",
        with(true),
        with(false)
    )
}

fn section(heading: &str, result: &Value) -> String {
    let report = &result["report"];
    let load: Vec<&str> = list(&result["load"]).filter_map(Value::as_str).collect();
    let mut text = format!("\n## {heading}\n\n{}\n", words(&report["about"]));
    let date = words(&result["date"]);
    text += &format!("\nMeasured on {date}; load of the machine before and after: {}.\n", load.join(" and "));
    text += &measured(report);
    let causes: Vec<String> = list(&report["figures"])
        .filter(|figure| figure["because"].is_string())
        .map(|figure| format!("- **{}**: {}\n", words(&figure["what"]), words(&figure["because"])))
        .collect();
    if !causes.is_empty() {
        text += &format!("\nMissed, because:\n\n{}", causes.concat());
    }
    text
}

/// What a slice measured, as tables.
pub fn measured(report: &Value) -> String {
    figures(report) + &list(&report["tables"]).map(table).collect::<String>()
}

/// The figures of a slice as a table; nothing where it has none.
fn figures(report: &Value) -> String {
    let rows: Vec<String> = list(&report["figures"]).map(figure).collect();
    if rows.is_empty() {
        return String::new();
    }
    format!("\n| figure | ours | reference | ratio | goal | |\n|---|---|---|---|---|---|\n{}", rows.concat())
}

fn figure(figure: &Value) -> String {
    let unit = words(&figure["unit"]);
    let reference = match figure["against"].as_str() {
        Some(against) => format!("{}, {against}", stats(&figure["reference"], unit)),
        None => String::new(),
    };
    let ratio = figure["ratio"].as_f64().map_or(String::new(), |ratio| format!("{ratio:.2}x"));
    let met = match figure["met"].as_bool() {
        Some(true) => "met",
        Some(false) => "**missed**",
        None => "",
    };
    let goal = goal(&figure["goal"], unit);
    format!(
        "| {} | {} | {reference} | {ratio} | {goal} | {met} |\n",
        words(&figure["what"]),
        stats(&figure["ours"], unit)
    )
}

fn goal(goal: &Value, unit: &str) -> String {
    let number = |name: &str| goal[name].as_f64();
    match (number("ratio_at_most"), number("ratio_at_least"), number("at_most")) {
        (Some(most), _, _) => format!("≤ {most}x"),
        (_, Some(least), _) => format!("≥ {least}x"),
        (_, _, Some(most)) => format!("≤ {} {unit}", short(most)),
        _ => String::new(),
    }
}

/// Median with unit, and the span where there is one.
fn stats(stats: &Value, unit: &str) -> String {
    let number = |name: &str| stats[name].as_f64().unwrap_or_default();
    let (median, min, max) = (short(number("median")), short(number("min")), short(number("max")));
    if min == max { format!("{median} {unit}") } else { format!("{median} {unit} ({min}–{max})") }
}

fn table(table: &Value) -> String {
    let line = |cells: &Value| {
        let cells: Vec<&str> = list(cells).map(words).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let columns = &table["columns"];
    let rule = format!("|{}\n", "---|".repeat(list(columns).count()));
    let rows: String = list(&table["rows"]).map(line).collect();
    format!("\n### {}\n\n{}{rule}{rows}", words(&table["title"]), line(columns))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn words(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Three digits that count, thousands set apart.
fn short(value: f64) -> String {
    let text = match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    };
    if value.fract() == 0.0 || value.abs() >= 100.0 { thousands(&format!("{value:.0}")) } else { text }
}

fn thousands(digits: &str) -> String {
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_missed_goal_is_marked_and_has_its_cause() {
        let figure = json!({
            "what": "a write", "unit": "ms", "ours": { "median": 3.0, "min": 2.5, "max": 1234.0 },
            "against": "a bare one", "reference": { "median": 1.0, "min": 1.0, "max": 1.0 }, "ratio": 3.0,
            "goal": { "ratio_at_most": 1.5 }, "met": false, "because": "it does more.",
        });
        let result = json!({
            "date": "2026-01-02", "load": ["0.1", "0.9"],
            "report": { "about": "How.", "figures": [figure], "tables": [] },
        });
        let page =
            write(&[("write", "Writes"), ("sync", "Trips")], &[result, Value::Null], &["a machine".into()]);
        assert!(page.contains("0 met, 1 missed"));
        assert!(
            page.contains(
                "| a write | 3 ms (2.50–1,234) | 1 ms, a bare one | 3.00x | ≤ 1.5x | **missed** |\n"
            )
        );
        assert!(page.contains("- **a write**: it does more."));
        assert!(page.contains("- Trips"));
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            ["1.234", "12.34", "1234567", "7"].map(|n| short(n.parse().unwrap())),
            ["1.23", "12.3", "1,234,567", "7"]
        );
    }
}
