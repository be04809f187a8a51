//! The commands around MQTT, one line for each.

use modemqtt_at::dialect::{Dialect, Everyday, FixedCommand, Parameter, Ping, PingKind, Stack};

/// What every family has.
const EVERYWHERE: &[&str] = &[
    "ATE(0,1)",
    "ATV(0,1)",
    "ATQ(0,1)",
    "ATI",
    "ATZ",
    "AT&F",
    "A/",
    "AT+CGMI",
    "AT+GMI",
    "AT+CGMM",
    "AT+GMM",
    "AT+CGMR",
    "AT+GMR",
    "AT+CGSN",
    "AT+GSN",
    "AT+CGSN=1",
    "AT+CIMI",
    "AT+CPIN?",
    "AT+CPIN=<pin>",
    "AT+CSQ",
    "AT+CFUN?",
    "AT+CGATT?",
    "AT+CGATT=(0,1)",
    "AT+CMEE?",
];

/// What the virtual module has around MQTT: in every family, then in each.
pub(super) fn all() -> String {
    let everywhere: Vec<_> = EVERYWHERE.iter().map(|line| format!("`{line}`")).collect();
    format!(
        "### Commands around MQTT\n\nThe virtual module has in every family, besides the test forms: {}.\n\n",
        everywhere.join(", ")
    )
}

/// What it has of them in one family.
pub(super) fn one(dialect: &Dialect) -> String {
    let lines: Vec<_> = commands(dialect).iter().map(|line| format!("`{line}`")).collect();
    let rows = dialect.around.everyday.iter().map(everyday);
    let rows: Vec<_> = rows.chain(dialect.around.ping.as_ref().map(ping)).collect();
    format!(
        "### Commands around MQTT\n\nThe virtual module has, besides those of every family: {}.\n\n{}{}\n\n",
        lines.join(", "),
        "| everyday command | source |\n|---|---|\n",
        rows.join("\n")
    )
}

/// A line of the table of everyday commands.
fn everyday(row: &Everyday) -> String {
    let name = row.name;
    let mut forms = Vec::new();
    forms.extend(row.test.map(|_| format!("`AT+{name}=?`")));
    forms.extend(row.read.map(|_| format!("`AT+{name}?`")));
    forms.extend(row.execute.map(|_| format!("`AT+{name}`")));
    forms.extend(row.set.map(|parameters| {
        let mut text = format!("`AT+{name}=");
        for (at, Parameter { name, .. }) in parameters.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let bracket = if at >= row.least { "[" } else { "" };
            text += &format!("{bracket}{comma}<{name}>");
        }
        text + &"]".repeat(parameters.len() - row.least) + "`"
    }));
    format!("| {} | {} |", forms.join(", "), row.source)
}

fn ping(row: &Ping) -> String {
    let form = match row.kind {
        PingKind::Series { contexts, .. } => {
            let context = if contexts.is_some() { "<context>," } else { "" };
            let bytes = if row.sizes.is_some() { "[,<bytes>]" } else { "" };
            format!("{context}<host>[,<seconds>[,<echoes>{bytes}]]")
        }
        PingKind::Once { .. } => "<address>[,<bytes>[,<milliseconds>]]".into(),
    };
    format!("| `AT+{}={form}` | {} |", row.name, row.source)
}

/// The commands of a family beside those of its note.
fn commands(dialect: &Dialect) -> Vec<String> {
    let around = dialect.around;
    let mut lines = Vec::new();
    lines.push(format!("AT+CMEE={}", list(dialect.error_levels)));
    lines.push(format!("AT+CFUN={}", list(around.functions)));
    for name in dialect.registration {
        lines.extend([format!("AT+{name}?"), format!("AT+{name}=(0-{})", around.reporting)]);
    }
    lines.extend(around.iccid.map(|name| format!("AT+{name}")));
    lines.extend(around.extended_signal.then(|| "AT+CESQ".into()));
    lines.extend(around.letters.iter().map(|(letter, most)| match most {
        0 => format!("AT{letter}0"),
        most => format!("AT{letter}(0-{most})"),
    }));
    lines.extend(around.stores_profile.then(|| "AT&W".into()));
    if let Some((low, high)) = around.contexts {
        lines.extend([
            "AT+CGDCONT?".into(),
            format!("AT+CGDCONT=({low}-{high})[,<type>[,<apn>[,<address>[,0[,0]]]]]"),
        ]);
    }
    if around.default_context {
        lines.extend(
            [
                "AT+QCGDEFCONT?",
                "AT+QCGDEFCONT=<type>[,<apn>[,<user>,<password>[,(0-2)]]]",
            ]
            .map(str::to_owned),
        );
    }
    if let Some(address) = around.address {
        lines.extend(["AT+CGPADDR".into(), format!("AT+CGPADDR={}", address.context)]);
    }
    match around.stack {
        Some(Stack::Single) => lines.extend(
            [
                "AT+QIFGCNT=(0,1)",
                "AT+QICSGP=1,<apn>[,<user>,<password>]",
                "AT+QIREGAPP",
                "AT+QIACT",
                "AT+QILOCIP",
            ]
            .map(str::to_owned),
        ),
        Some(Stack::Numbered(most)) => lines.extend([
            format!("AT+QICSGP=(1-{most}),(1-3),<apn>[,<user>,<password>[,(0-3)]]"),
            "AT+QIACT?".into(),
            format!("AT+QIACT=(1-{most})"),
            format!("AT+QIDEACT=(1-{most})"),
        ]),
        None => {}
    }
    lines.extend(fixed(dialect.deactivate.as_slice()).filter(|_| around.stack == Some(Stack::Single)));
    if !around.sleep_modes.is_empty() {
        lines.extend([
            "AT+QSCLK?".into(),
            format!("AT+QSCLK=(0-{})", around.sleep_modes.len() - 1),
        ]);
    }
    if !around.bands.is_empty() {
        lines.extend(["AT+NBAND?".into(), format!("AT+NBAND={}[,…]", list(around.bands))]);
    }
    if around.power_saving {
        lines.extend(["AT+NPSMR?", "AT+NPSMR=(0,1)"].map(str::to_owned));
    }
    if !around.urc_ports.is_empty() {
        lines.push(format!("AT+QURCCFG=\"urcport\"[,{}]", list(around.urc_ports)));
    }
    lines.extend(fixed(around.power_off));
    lines.extend(fixed(dialect.reboots));
    lines
}

fn fixed(commands: &[FixedCommand]) -> impl Iterator<Item = String> {
    commands.iter().map(|command| {
        let answer = command.answer.map(|answer| format!(" → {answer}"));
        command.line() + &answer.unwrap_or_default()
    })
}

fn list(values: &[impl ToString]) -> String {
    let values: Vec<_> = values.iter().map(ToString::to_string).collect();
    format!("({})", values.join(","))
}
