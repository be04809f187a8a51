//! What the reader of transcripts makes of a text.

use super::*;

fn sample(text: &str) -> Transcript {
    parse(Path::new("m95/sample.at"), text)
}

#[test]
fn a_transcript_is_read_step_by_step() {
    let transcript = sample(concat!(
        "# our own\n@ model M95\n@ only virtual\n\n",
        "> AT\n# between\n> +X\\r\n< \\r\\nOK\\r\\n\n* publish 0 1 0 \"a b\" \"\"\n= urc \"+X: \"a\",1\"\n",
        "! broker publish 1 0 t/u \\x00\\xff\n! elapse 0.5\n< >\\s\n"
    ));
    assert_eq!(
        (transcript.name.as_str(), transcript.model.as_str()),
        ("m95/sample", "M95")
    );
    assert_eq!(transcript.only, Some(End::Virtual));
    let words = |words: &[&[u8]]| Words(words.iter().map(|word| word.to_vec()).collect());
    let actions: Vec<_> = transcript.steps.into_iter().map(|step| step.action).collect();
    assert_eq!(
        actions,
        [
            Action::Host(b"AT+X\r".to_vec()),
            Action::Module(b"\r\nOK\r\n".to_vec()),
            Action::Call(words(&[b"publish", b"0", b"1", b"0", b"a b", b""])),
            Action::Report(words(&[b"urc", b"+X: \"a\",1"])),
            Action::World(World::BrokerPublish {
                qos: 1,
                retain: false,
                topic: "t/u".into(),
                payload: vec![0, 0xff]
            }),
            Action::World(World::Elapse(Duration::from_millis(500))),
            Action::Module(b"> ".to_vec()),
        ]
    );
}

#[test]
#[should_panic(expected = "m95/sample.at:3: unknown mark '?'")]
fn a_mistake_is_named_with_its_line() {
    sample("# our own\n@ model M95\n? what\n");
}

#[test]
fn a_transcript_of_one_model_is_read_as_one_of_another_with_the_steps_that_come_before() {
    let own = load_all("bc660k");
    let read = asked::load_as("BC660K-GL", "BG95");
    assert!(read.iter().all(|transcript| transcript.model == "BG95"));
    for transcript in own.iter().filter(|transcript| transcript.model == "BC660K-GL") {
        let same = read
            .iter()
            .find(|other| other.path == transcript.path)
            .expect("it is read");
        assert_eq!(same.name, transcript.name);
        let actions = |transcript: &Transcript| -> Vec<_> {
            let steps = transcript.steps.iter();
            steps.map(|step| step.action.clone()).collect()
        };
        assert_eq!(actions(same), actions(transcript), "{}", transcript.path.display());
    }
}
