//! The `*` lines of a transcript as calls of the host.

use modemqtt_at::tls::Credential;
use modemqtt_at::{ClientIndex, Operation, Qos, Version};
use modemqtt_host::call::{Alibaba, Call, OneNet, Options, Secret, Tencent, Value, Will};
use modemqtt_host::credentials::{Pem, Tls, Verify};

use crate::transcript::{Location, Words};

pub(crate) fn call(words: &Words, texts: &[String], client: ClientIndex, location: &Location) -> Call {
    let text = |at: usize| {
        texts
            .get(at)
            .cloned()
            .unwrap_or_else(|| location.fail(format!("word {at} is missing")))
    };
    let qos = |at: usize| {
        let number = text(at).parse().ok().and_then(Qos::from_number);
        number.unwrap_or_else(|| location.fail("QoS is 0 to 2"))
    };
    match texts[0].as_str() {
        "configure" => Call::Configure {
            client,
            options: options(&words.0[2..], location),
        },
        "configuration" => Call::Configuration { client },
        "open" => Call::Open {
            client,
            host: text(2),
            port: text(3).parse().unwrap_or_else(|_| location.fail("no port")),
        },
        "connect" => Call::connect(
            client,
            text(2),
            texts.get(3).cloned(),
            texts.get(4).cloned().map(Secret),
        ),
        "subscribe" => Call::Subscribe {
            client,
            topics: (2..texts.len()).step_by(2).map(|at| (text(at), qos(at + 1))).collect(),
        },
        "unsubscribe" => Call::Unsubscribe {
            client,
            topics: texts[2..].to_vec(),
        },
        "publish" => Call::Publish {
            client,
            qos: qos(2),
            retain: text(3) == "1",
            topic: text(4),
            payload: words.0[5].clone(),
            form: None,
        },
        "disconnect" => Call::disconnect(client),
        "close" => Call::close(client),
        "command" => Call::command(texts[1..].join(" ")),
        "token" => Call::token(Tencent {
            product_id: text(1),
            device_name: text(2),
            client_id: text(3),
            device_secret: Secret(text(4)),
            expire: texts.get(5).map(|text| text.parse().expect("seconds")),
            url: texts.get(6).cloned(),
        }),
        other => location.fail(format!("no call {other}")),
    }
}

fn options(words: &[Vec<u8>], location: &Location) -> Options {
    let mut options = Options::default();
    secure(&mut options, words);
    for word in words {
        let (key, value) = word.split_at(word.iter().position(|byte| *byte == b'=').unwrap_or(word.len()));
        let value = &value[1..];
        let text = String::from_utf8_lossy(value).into_owned();
        let number = |text: &str| text.parse::<u16>().unwrap_or_else(|_| location.fail("no number"));
        let small = |text: &str| u8::try_from(number(text)).expect("a small number");
        match key {
            b"keepalive" => options.keep_alive = Some(number(&text)),
            b"version" => {
                options.version = Some(match text.as_str() {
                    "3.1" => Version::V31,
                    "3.1.1" => Version::V311,
                    _ => location.fail("version is 3.1 or 3.1.1"),
                });
            }
            b"clean_session" => options.clean_session = Some(text == "1"),
            b"show_length" => options.show_length = Some(text == "1"),
            b"timeout" => {
                let values: Vec<_> = text.split(',').collect();
                let value = |at: usize| {
                    values
                        .get(at)
                        .filter(|value| !value.is_empty())
                        .map(|value| small(value))
                };
                options.packet_timeout = value(0);
                options.retries = value(1);
                options.timeout_notice = value(2).map(|notice| notice == 1);
            }
            b"will" if value == b"off" => options.will = Some(None),
            b"will" => {
                let fields: Vec<_> = value.splitn(4, |byte| *byte == b',').collect();
                let number = |at: usize| String::from_utf8_lossy(fields[at]).into_owned();
                options.will = Some(Some(Will {
                    topic: number(0),
                    qos: Qos::from_number(small(&number(1))).unwrap_or_else(|| location.fail("QoS is 0 to 2")),
                    retain: number(2) == "1",
                    payload: fields[3].to_vec(),
                }));
            }
            b"alibaba" | b"onenet" => device(&mut options, &text, location),
            b"tls_context" => options.tls_context = Some(unless_off(&text).map(small)),
            b"tls" | b"ca" | b"cert" | b"key" => {}
            b"pdp_context" => options.pdp_context = Some(small(&text)),
            b"ping_interval" => options.ping_interval = Some(small(&text)),
            b"receive" => options.buffered = Some(text == "buffer"),
            b"receive_format" => options.receive_hex = Some(text == "hex"),
            b"send_format" => options.send_hex = Some(text == "hex"),
            b"echo_data" => options.echo_data = Some(text == "1"),
            b"view_data" => options.view_data = Some(text == "1"),
            b"edit_timeout" => options.edit_timeout = Some(unless_off(&text).map(small)),
            _ => location.fail(format!("no option {}", key.escape_ascii())),
        }
    }
    options
}

/// `tls=<context>,<level>,<version>,<suite>,<check_time>,<sni>,<seconds>`, where empty fields are left to the host, and
/// each credential in a word of its own.
fn secure(options: &mut Options, words: &[Vec<u8>]) {
    let value = |name: &str| {
        let word = words.iter().find(|word| word.starts_with(name.as_bytes()))?;
        Some(word[name.len()..].to_vec())
    };
    let Some(text) = value("tls=") else { return };
    let text = String::from_utf8(text).expect("text");
    if text == "off" {
        options.tls = Some(None);
        return;
    }
    let fields: Vec<_> = text.split(',').collect();
    let field = |at: usize| fields.get(at).filter(|field| !field.is_empty());
    let number = |at: usize| field(at).map(|field| field.parse::<u16>().expect("a number"));
    let pem = |name, credential| value(name).map(|bytes| Pem::new(credential, bytes).expect("PEM"));
    options.tls = Some(Some(Box::new(Tls {
        context: number(0).and_then(|context| u8::try_from(context).ok()).unwrap_or(0),
        verify: match number(1) {
            Some(0) => Verify::Nobody,
            Some(1) => Verify::Server,
            _ => Verify::Mutual,
        },
        version: number(2).and_then(|version| u8::try_from(version).ok()).unwrap_or(3),
        suite: field(3).map(|suite| u16::from_str_radix(suite, 16).expect("hexadecimal")),
        check_time: number(4) == Some(1),
        server_name: number(5).map(|named| named == 1),
        handshake_time: number(6),
        ca: pem("ca=", Credential::Authority),
        certificate: pem("cert=", Credential::Certificate),
        key: pem("key=", Credential::Key),
    })));
}

fn unless_off(text: &str) -> Option<&str> {
    (text != "off").then_some(text)
}

fn device(options: &mut Options, text: &str, location: &Location) {
    match text.split(',').map(ToOwned::to_owned).collect::<Vec<_>>().as_slice() {
        [product_key, device_name, secret] => {
            options.alibaba = Some(Alibaba {
                product_key: product_key.clone(),
                device_name: device_name.clone(),
                device_secret: Secret(secret.clone()),
            });
        }
        [product_id, key] => {
            options.onenet = Some(OneNet {
                product_id: product_id.clone(),
                access_key: Secret(key.clone()),
            });
        }
        _ => location.fail("a device has two or three fields"),
    }
}

/// The parts of a call that no log may show. Short ones are left out, since they may occur anywhere.
pub(crate) fn secrets(call: &Call) -> Vec<String> {
    if let Call::Configure { options, .. } = call
        && let Some(Some(tls)) = &options.tls
    {
        let each = [&tls.ca, &tls.certificate, &tls.key].into_iter().flatten();
        return each
            .flat_map(|pem| {
                String::from_utf8_lossy(pem.bytes())
                    .lines()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            })
            .collect();
    }
    let long = |text: &String| text.len() >= 4;
    if let Call::Operate { operation, values, .. } = call {
        let at = if *operation == Operation::Token { 3 } else { 2 };
        return match values.get(at) {
            Some(Some(Value::Text(secret))) => Some(secret.clone()).filter(long).into_iter().collect(),
            _ => Vec::new(),
        };
    }
    let secrets: Vec<&Secret> = match call {
        Call::Configure { options, .. } => {
            let alibaba = options.alibaba.iter().map(|device| &device.device_secret);
            alibaba
                .chain(options.onenet.iter().map(|device| &device.access_key))
                .collect()
        }
        _ => Vec::new(),
    };
    let texts = secrets.into_iter().map(|secret| secret.0.clone());
    texts.filter(long).collect()
}
