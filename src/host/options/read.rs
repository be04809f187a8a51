//! From the output of `AT+QMTCFG="<key>",<client>` to options: the inverse of configuring.

use modemqtt_at::dialect::Dialect;
use modemqtt_at::{Qos, SettingKey};

use super::{OPTIONS, Options, Shape};
use crate::call::{Alibaba, OneNet, Secret, Will};

/// The options of a client, as the module reported them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// The values printed, key by key.
    pub printed: Vec<Printed>,
    /// The options that they mean. An option that is unset or was not reported is `None`.
    pub options: Options,
    /// The will, if it was set after a prompt.
    pub will_head: Option<WillHead>,
}

/// What the module printed for one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Printed {
    /// The key.
    pub key: SettingKey,
    /// Its values.
    pub text: String,
    /// Whether all of it has the form given in the note.
    pub legible: bool,
}

/// A will whose length the module reports instead of its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WillHead {
    /// Topic name.
    pub topic: String,
    /// Length of the payload in bytes.
    pub length: usize,
    /// Quality of service.
    pub qos: Qos,
    /// Whether the server keeps it.
    pub retain: bool,
}

impl Configuration {
    /// Adds what the module printed for one key.
    pub(crate) fn add(&mut self, dialect: &Dialect, key: SettingKey, text: String) {
        let legible = if key == SettingKey::WILL_EXACT {
            self.read_will_head(&text).is_some()
        } else {
            read_setting(dialect, key, &text, &mut self.options)
        };
        self.printed.push(Printed { key, text, legible });
    }

    fn read_will_head(&mut self, text: &str) -> Option<()> {
        self.will_head = match will(text)? {
            None => None,
            Some((topic, qos, retain, length)) => Some(WillHead {
                topic: topic.into(),
                length: number_in(length.trim())?,
                qos,
                retain,
            }),
        };
        Some(())
    }
}

/// Reads the values of a key; returns whether all of them have the form given in the note. Valid values are taken over
/// even if others are not valid.
pub(crate) fn read_setting(dialect: &Dialect, key: SettingKey, text: &str, options: &mut Options) -> bool {
    let fields = fields(text);
    let definitions = || {
        OPTIONS
            .iter()
            .filter(|definition| definition.key == key && !matches!(definition.shape, Shape::Tls(_)))
    };
    // The options with a field each. The others look at all fields.
    let numbers = definitions().all(|definition| {
        matches!(
            definition.shape,
            Shape::Byte(_) | Shape::Short(_) | Shape::Flag(_) | Shape::Word(..) | Shape::Version(_)
        )
    });
    let mut legible = definitions().count() > 0 && (!numbers || fields.len() == definitions().count());
    for definition in definitions() {
        let field = fields.get(definition.position).copied().unwrap_or_default();
        legible &= match definition.shape {
            Shape::Byte(place) => put(place(options), number_in(field)),
            Shape::Short(place) => put(place(options), number_in(field)),
            Shape::Flag(place) | Shape::Word(place, _) => put(place(options), flag(field)),
            Shape::Version(place) => {
                let code = number_in::<i64>(field);
                let known = dialect.versions.iter().find(|(_, known)| Some(*known) == code);
                put(place(options), known.map(|(version, _)| *version))
            }
            Shape::Unless(place) => put(place(options), unless(&fields)),
            Shape::Will(place) => put(place(options), will(text).map(|will| will.map(whole))),
            Shape::Alibaba(place) => device(place(options), &fields, |[product, device, secret]| Alibaba {
                product_key: product.into(),
                device_name: device.into(),
                device_secret: Secret(secret.into()),
            }),
            Shape::OneNet(place) => device(place(options), &fields, |[product, secret]| OneNet {
                product_id: product.into(),
                access_key: Secret(secret.into()),
            }),
            // Filtered out above.
            Shape::Tls(_) => true,
        };
    }
    legible
}

fn put<T>(place: &mut Option<T>, read: Option<T>) -> bool {
    let legible = read.is_some();
    if legible {
        *place = read;
    }
    legible
}

/// The fields between the commas outside quotes.
fn fields(text: &str) -> Vec<&str> {
    let mut fields = Vec::new();
    let mut start = 0;
    let mut quoted = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                fields.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    fields.push(text[start..].trim());
    fields
}

/// A number that consists only of digits.
pub(crate) fn number_in<T: std::str::FromStr>(field: &str) -> Option<T> {
    field
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| field.parse().ok())?
}

fn flag(field: &str) -> Option<bool> {
    match field {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

/// A flag and then an optional number. Other values may follow.
#[expect(clippy::option_option, reason = "illegible, or no number")]
fn unless(fields: &[&str]) -> Option<Option<u8>> {
    let numbers: Vec<u8> = fields.iter().map(|field| number_in(field)).collect::<Option<_>>()?;
    match numbers[..] {
        [1, number, ..] => Some(Some(number)),
        [1] | [0, ..] => Some(None),
        _ => None,
    }
}

/// Strings, the first of which is empty if none is set; returns whether their number is right.
fn device<T, const COUNT: usize>(place: &mut Option<T>, fields: &[&str], made: impl Fn([&str; COUNT]) -> T) -> bool {
    let texts: Vec<_> = fields.iter().map(|field| field.trim_matches('"')).collect();
    match <[&str; COUNT]>::try_from(&texts[..]) {
        Ok(texts) if texts[0].is_empty() => true,
        Ok(texts) => {
            *place = Some(made(texts));
            true
        }
        Err(_) => texts == [""],
    }
}

/// `0`, or `1,<qos>,<retain>,<topic>,` and the rest.
#[expect(clippy::option_option, reason = "illegible, or no will")]
fn will(text: &str) -> Option<Option<(&str, Qos, bool, &str)>> {
    if text == "0" {
        return Some(None);
    }
    let (qos, behind) = text.strip_prefix("1,")?.split_once(',')?;
    let (retain, behind) = behind.split_once(',')?;
    let (topic, behind) = match behind.strip_prefix('"') {
        Some(quoted) => quoted.split_once("\",")?,
        None => behind.split_once(',')?,
    };
    Some(Some((topic, Qos::from_number(number_in(qos)?)?, flag(retain)?, behind)))
}

/// Quotes inside a payload are not escaped: the last one ends it.
fn whole((topic, qos, retain, payload): (&str, Qos, bool, &str)) -> Will {
    let quoted = payload.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    Will {
        topic: topic.into(),
        payload: quoted.unwrap_or(payload).into(),
        qos,
        retain,
    }
}

#[cfg(test)]
mod tests {
    use modemqtt_at::{Version, dialect};

    use super::*;

    fn read_of(key: SettingKey, text: &str) -> (Options, bool) {
        let (dialect, _) = dialect::of_model("EG915Q").unwrap();
        let mut options = Options::default();
        let legible = read_setting(dialect, key, text, &mut options);
        (options, legible)
    }

    fn a_will(topic: &str, payload: &[u8], qos: Qos, retain: bool) -> Options {
        Options {
            will: Some(Some(Will {
                topic: topic.into(),
                payload: payload.into(),
                qos,
                retain,
            })),
            ..Options::default()
        }
    }

    #[test]
    fn a_will_is_read_with_quotes_and_without() {
        let none = Options {
            will: Some(None),
            ..Options::default()
        };
        for (text, options) in [
            ("0", none),
            (
                "1,2,1,\"a/b\",\"x,\"y\" z\"",
                a_will("a/b", b"x,\"y\" z", Qos::ExactlyOnce, true),
            ),
            ("1,0,0,a,gone", a_will("a", b"gone", Qos::AtMostOnce, false)),
            ("1,0,0,\"a,b\",\"\"", a_will("a,b", b"", Qos::AtMostOnce, false)),
        ] {
            assert_eq!(read_of(SettingKey::WILL, text), (options, true), "{text}");
        }
        for text in [
            "",
            "1",
            "1,3,0,\"a\",\"b\"",
            "1,0,2,\"a\",\"b\"",
            "1,0,0,\"a\"",
            "2,0,0,\"a\",\"b\"",
        ] {
            assert_eq!(read_of(SettingKey::WILL, text), (Options::default(), false), "{text}");
        }
    }

    #[test]
    fn a_will_reported_only_by_its_length_is_read_as_that() {
        let (dialect, _) = dialect::of_model("EG915Q").unwrap();
        let mut told = Configuration::default();
        told.add(dialect, SettingKey::WILL_EXACT, "1,0,0,\"a\",12".into());
        let head = WillHead {
            topic: "a".into(),
            length: 12,
            qos: Qos::AtMostOnce,
            retain: false,
        };
        assert_eq!((told.will_head, told.printed[0].legible), (Some(head), true));
    }

    #[test]
    fn a_number_that_may_be_switched_off_is_read_after_its_flag() {
        for (text, context) in [
            ("1,2", Some(2)),
            ("1,2,0", Some(2)),
            ("0", None),
            ("0,2", None),
            ("1", None),
        ] {
            let options = Options {
                tls_context: Some(context),
                ..Options::default()
            };
            assert_eq!(read_of(SettingKey::TLS, text), (options, true), "{text}");
        }
        assert_eq!(read_of(SettingKey::EDIT_TIMEOUT, "1,30").0.edit_timeout, Some(Some(30)));
    }

    #[test]
    fn credentials_are_read_whatever_they_hold_and_none_are_no_credentials() {
        let (options, legible) = read_of(SettingKey::ALIBABA, "\"k\",\"n,1\",\"s\"");
        let device = options.alibaba.unwrap();
        assert!(legible);
        assert_eq!(
            (&*device.product_key, &*device.device_name, &*device.device_secret.0),
            ("k", "n,1", "s")
        );
        for none in ["", "\"\",\"\",\"\""] {
            assert_eq!(read_of(SettingKey::ALIBABA, none), (Options::default(), true));
        }
        assert_eq!(read_of(SettingKey::ONE_NET, "\"k\""), (Options::default(), false));
    }

    #[test]
    fn what_has_another_form_than_the_note_gives_is_illegible_and_what_is_legible_beside_it_is_kept() {
        assert_eq!(read_of(SettingKey::VERSION, "4").0.version, Some(Version::V311));
        for (key, text) in [
            (SettingKey::VERSION, "9"),
            (SettingKey::KEEP_ALIVE, "soon"),
            (SettingKey::KEEP_ALIVE, "70000"),
            (SettingKey::KEEP_ALIVE, "+5"),
            (SettingKey::KEEP_ALIVE, ""),
            (SettingKey::SESSION, "2"),
            (SettingKey::DATA_FORMAT, "2"),
            (SettingKey::TLS, "on"),
        ] {
            assert_eq!(read_of(key, text), (Options::default(), false), "{key:?} {text}");
        }
        let (options, legible) = read_of(SettingKey::TIMEOUT, "5, 3");
        assert_eq!(
            (options.packet_timeout, options.retries, legible),
            (Some(5), Some(3), false)
        );
    }
}
