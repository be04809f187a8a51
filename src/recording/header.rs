//! The first line of each part of a recording.

use serde_json::{Value, json};

/// What a recording says it is.
pub const FORMAT: &str = "modemqtt";
/// The version of the format. A reader takes this one and those before it.
pub const VERSION: u64 = 1;

/// The first line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Header {
    /// The number of the part, from 0.
    pub part: u64,
    /// When the recording began, in seconds since 1970.
    pub started: f64,
    /// The version of this library.
    pub library: String,
    /// What kind of port it was: `device`, `socket`, `rfc2217`, `virtual` or `replay`.
    pub port: String,
    /// Bits per second.
    pub baudrate: u32,
    /// Whether identities are replaced.
    pub identities_replaced: bool,
    /// The model, as far as it was known when the part began.
    pub model: Option<String>,
    /// Its dialect, likewise.
    pub dialect: Option<String>,
    /// Its firmware, likewise.
    pub firmware: Option<String>,
}

/// Why a line is not a header.
pub(crate) enum NoHeader {
    /// It is something else.
    Foreign,
    /// It is of a version to come.
    Newer(u64),
    /// A field is wrong.
    Field(&'static str),
}

impl Header {
    /// The line, without its line end.
    pub fn to_line(&self) -> String {
        let identities = if self.identities_replaced { "replaced" } else { "kept" };
        let fields = [
            ("recording", json!(FORMAT)),
            ("version", json!(VERSION)),
            ("part", json!(self.part)),
            ("started", json!(self.started)),
            ("library", json!(self.library)),
            ("port", json!(self.port)),
            ("baudrate", json!(self.baudrate)),
            ("identities", json!(identities)),
            ("model", json!(self.model)),
            ("dialect", json!(self.dialect)),
            ("firmware", json!(self.firmware)),
        ];
        // In this order, so that one who looks at the file sees first what it is.
        let fields = fields.map(|(name, value)| format!("\"{name}\":{value}"));
        format!("{{{}}}", fields.join(","))
    }

    pub(crate) fn parse(line: &[u8]) -> Result<Self, NoHeader> {
        let value: Value = serde_json::from_slice(line).map_err(|_| NoHeader::Foreign)?;
        if value.get("recording").and_then(Value::as_str) != Some(FORMAT) {
            return Err(NoHeader::Foreign);
        }
        let whole = |name: &'static str| value.get(name).and_then(Value::as_u64).ok_or(NoHeader::Field(name));
        let version = whole("version")?;
        if version > VERSION {
            return Err(NoHeader::Newer(version));
        }
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let needed = |name: &'static str| text(name).ok_or(NoHeader::Field(name));
        Ok(Self {
            part: whole("part")?,
            started: value
                .get("started")
                .and_then(Value::as_f64)
                .ok_or(NoHeader::Field("started"))?,
            library: needed("library")?,
            port: needed("port")?,
            baudrate: u32::try_from(whole("baudrate")?).map_err(|_| NoHeader::Field("baudrate"))?,
            identities_replaced: needed("identities")? != "kept",
            model: text("model"),
            dialect: text("dialect"),
            firmware: text("firmware"),
        })
    }
}
