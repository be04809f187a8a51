use super::*;

/// A recording in a folder that is gone afterwards, and the journal that is told of its end.
struct Recorded {
    recorder: Recorder,
    journal: Arc<Journal>,
    path: PathBuf,
}

impl Recorded {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("modemqtt-recorder-{name}-{}", process::id()));
        let _ = std::fs::remove_file(&path);
        let options = RecorderOptions {
            path: path.clone(),
            port: "device".into(),
            baud_rate: 115_200,
            model: None,
            keeps_identities: false,
            part: None,
        };
        let journal = Arc::<Journal>::default();
        let recorder = Recorder::create(&options, "m", Arc::clone(&journal)).unwrap();
        Self {
            recorder,
            journal,
            path,
        }
    }

    fn bytes(&self, count: usize, bytes: &[u8]) {
        let secrets = Vec::new();
        let item = Item::Bytes {
            sent: false,
            count,
            secrets,
        };
        self.recorder.backlog.push(Moment::now(), item, bytes);
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.path).unwrap()
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn a_recorder_that_fails_itself_says_so_once_and_whoever_records_goes_on() {
    let recorded = Recorded::new("fails");
    recorded.bytes(2, b"OK");
    assert!(recorded.recorder.flush(PATIENCE));
    // More than there are: the thread panics.
    recorded.bytes(7, b"OK");
    assert!(recorded.recorder.flush(PATIENCE));
    let failure = recorded.recorder.failure().unwrap();
    assert_eq!(
        failure,
        "nothing is recorded any more, since the recorder itself failed (please report it); the session goes on"
    );
    recorded.bytes(2, b"OK");
    assert!(recorded.recorder.flush(PATIENCE));
    let Ok(told) = recorded.journal.remarks().take(PATIENCE) else {
        panic!("nothing was told")
    };
    assert!(matches!(told.news, News::Unrecorded(text) if text == failure));
    assert!(recorded.journal.remarks().take(Duration::ZERO).is_err());
    assert_eq!(recorded.text().matches("OK").count(), 1);
}

#[test]
fn everything_before_a_flush_is_in_the_file() {
    let recorded = Recorded::new("flush");
    recorded.bytes(4, b"OK\r\n");
    recorded.recorder.mark("test a");
    assert!(recorded.recorder.flush(PATIENCE));
    assert!(
        recorded.text().ends_with("\"mark\":\"test a\"}\n"),
        "{}",
        recorded.text()
    );
    assert!(recorded.text().contains("\"<\":\"OK\\r\\n\""));
}
