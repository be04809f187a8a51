//! Reading settings back is the inverse of configuring: whatever is configured through the session and the virtual
//! module is read back as it was given, and nothing else changes.

#![allow(clippy::unwrap_used, reason = "a test may unwrap, in its helpers too")]

#[path = "support/pair.rs"]
mod pair;

use modemqtt_at::dialect::{self, Dialect};
use modemqtt_at::{Form, Qos, SettingKey};
use modemqtt_host::call::{Alibaba, Call, Configuration, Errand, OneNet, Options, Reply, Secret, Will};
use modemqtt_host::options::{Definition, OPTIONS, Shape, WillHead};
use pair::{CLIENT, Pair};
use proptest::collection::vec;
use proptest::prelude::*;

/// What values are made of.
#[derive(Clone, Debug)]
struct Draw {
    /// Whether the options of the key are given.
    given: bool,
    number: i64,
    texts: [String; 3],
    /// A payload that no quotes can enclose.
    exact: bool,
}

fn draw() -> impl Strategy<Value = Draw> {
    let text = || "[a-zA-Z0-9 ,.;:/()äß-]{1,12}";
    (any::<bool>(), 0..100_000i64, [text(), text(), text()], any::<bool>()).prop_map(|(given, number, texts, exact)| {
        Draw {
            given,
            number,
            texts,
            exact,
        }
    })
}

/// Whether the dialect sets and reads the option by this key.
fn is_own(dialect: &Dialect, definition: &Definition) -> bool {
    let named = Definition::of(Some(dialect), definition.name).unwrap();
    definition.is_of(dialect) && named.key == definition.key && !matches!(definition.shape, Shape::Tls(_))
}

/// Gives an option a value within its range.
fn give(dialect: &Dialect, definition: &Definition, draw: &Draw, options: &mut Options) {
    let within = || {
        let (low, high) = definition.range(dialect).unwrap();
        low + draw.number % (high - low + 1)
    };
    let flag = draw.number % 2 == 1;
    let [first, second, third] = draw.texts.clone();
    match definition.shape {
        Shape::Byte(place) => *place(options) = Some(within().try_into().unwrap()),
        Shape::Short(place) => *place(options) = Some(within().try_into().unwrap()),
        Shape::Flag(place) | Shape::Word(place, _) => *place(options) = Some(flag),
        Shape::Unless(place) => {
            *place(options) = Some(flag.then(|| within().try_into().unwrap()));
        }
        Shape::Version(place) => {
            let known = usize::try_from(draw.number).unwrap() % dialect.versions.len();
            *place(options) = Some(dialect.versions[known].0);
        }
        Shape::Will(place) => {
            let exact = draw.exact && dialect.setting(SettingKey::WILL_EXACT, Form::Set).is_some();
            let payload = if exact { format!("\"{third}\r\n") } else { third };
            *place(options) = Some((draw.number % 5 != 0).then(|| Will {
                topic: first,
                payload: payload.into(),
                qos: Qos::from_number(u8::try_from(draw.number % 3).unwrap()).unwrap(),
                retain: flag,
            }));
        }
        Shape::Alibaba(place) => {
            *place(options) = Some(Alibaba {
                product_key: first,
                device_name: second,
                device_secret: Secret(third),
            });
        }
        Shape::OneNet(place) => {
            *place(options) = Some(OneNet {
                product_id: first,
                access_key: Secret(second),
            });
        }
        Shape::Tls(_) => {}
    }
}

/// Copies one option.
fn copy(definition: &Definition, from: &mut Options, to: &mut Options) {
    match definition.shape {
        Shape::Byte(place) => place(to).clone_from(place(from)),
        Shape::Short(place) => place(to).clone_from(place(from)),
        Shape::Flag(place) | Shape::Word(place, _) => place(to).clone_from(place(from)),
        Shape::Unless(place) => place(to).clone_from(place(from)),
        Shape::Version(place) => place(to).clone_from(place(from)),
        Shape::Will(place) => place(to).clone_from(place(from)),
        Shape::Alibaba(place) => place(to).clone_from(place(from)),
        Shape::OneNet(place) => place(to).clone_from(place(from)),
        Shape::Tls(place) => place(to).clone_from(place(from)),
    }
}

fn told(pair: &mut Pair) -> Configuration {
    let Ok(Reply::Configuration(told)) = pair.call(Call::Configuration { client: CLIENT }) else {
        panic!("no configuration");
    };
    for printed in &told.printed {
        assert!(printed.legible, "{}: {}", printed.key.name(), printed.text);
    }
    *told
}

/// Configures what was drawn, and returns what the module should report from now on.
fn configure(pair: &mut Pair, dialect: &Dialect, draws: &[Draw], mut expected: Configuration) -> Configuration {
    let mut options = Options::default();
    let mut given = Vec::new();
    for (definition, draw) in OPTIONS.iter().zip(draws) {
        // All of a key: values not given are sent as the host has them in force.
        let first = OPTIONS.iter().position(|other| other.key == definition.key).unwrap();
        if draws[first].given && is_own(dialect, definition) {
            give(dialect, definition, draw, &mut options);
            given.push(definition);
        }
    }
    for definition in given {
        match options.will.clone().flatten() {
            Some(will) if definition.key == SettingKey::WILL && will.payload.contains(&b'"') => {
                expected.will_head = Some(WillHead {
                    topic: will.topic,
                    length: will.payload.len(),
                    qos: will.qos,
                    retain: will.retain,
                });
            }
            _ => copy(definition, &mut options, &mut expected.options),
        }
    }
    let call = Call::Configure {
        client: CLIENT,
        options,
    };
    assert_eq!(pair.call(call), Ok(Reply::Done));
    expected
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_configured_is_read_back_and_nothing_else_changes(
        rounds in vec(vec(draw(), OPTIONS.len()), 1..4),
    ) {
        for (dialect, model) in dialect::models() {
            let mut pair = Pair::new(model.name, 4096);
            let mut expected = told(&mut pair);
            for draws in &rounds {
                expected = configure(&mut pair, dialect, draws, expected);
                let told = told(&mut pair);
                prop_assert_eq!(&told.options, &expected.options, "{}", model.name);
                prop_assert_eq!(&told.will_head, &expected.will_head, "{}", model.name);
            }
        }
    }
}

#[test]
fn every_option_of_a_dialect_is_read_back() {
    for (dialect, model) in dialect::models() {
        let mut pair = Pair::new(model.name, 1);
        let told = told(&mut pair);
        for definition in OPTIONS.iter().filter(|definition| is_own(dialect, definition)) {
            let key = definition.key;
            assert!(
                told.printed.iter().any(|printed| printed.key == key),
                "{} tells nothing of {}",
                model.name,
                definition.name
            );
        }
    }
}

#[test]
fn what_a_module_says_of_the_values_of_its_timeouts_is_what_its_rows_say() {
    for (dialect, model) in dialect::models() {
        let mut pair = Pair::new(model.name, 7);
        let Ok(Reply::Capabilities(told)) = pair.call(Errand::Capabilities) else {
            panic!("no capabilities");
        };
        let (_, values) = told.iter().find(|(key, _)| key == "timeout").unwrap();
        for name in ["packet_timeout", "retries"] {
            let definition = Definition::of(Some(dialect), name).unwrap();
            let listed = &values[definition.position + 1];
            assert_eq!(
                listed.ranges,
                [definition.range(dialect).unwrap()],
                "{} {name}",
                model.name
            );
        }
    }
}
