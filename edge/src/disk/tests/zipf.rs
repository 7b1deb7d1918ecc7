//! What memory and disk are worth to many requests for few objects.

use super::*;

/// Objects, and bytes of each: a thousandth of what the issue of the edge measures with.
const OBJECTS: usize = 4000;
const LEN: usize = 7000;
/// Requests before it counts, and while it does.
const WARMING: usize = 8000;
const REQUESTS: usize = 8000;

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mix = self.0;
        mix = (mix ^ (mix >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mix = (mix ^ (mix >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mix ^ (mix >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The sums of n^-0.9.
fn popularity() -> Vec<f64> {
    let mut sum = 0.0;
    let each = (1..=OBJECTS).map(|n| (n as f64).powf(-0.9));
    let sums = each.map(|each| {
        sum += each;
        sum
    });
    sums.collect()
}

/// The share of requests that found their object.
async fn hit_ratio(store: &Store, mut after_each: impl FnMut(usize)) -> f64 {
    let (popularity, mut chance) = (popularity(), Chance(7));
    let body = bytes(LEN);
    let mut hits = 0;
    for n in 0..WARMING + REQUESTS {
        let point = chance.unit() * popularity[OBJECTS - 1];
        let path = format!("/{}", popularity.partition_point(|sum| *sum < point));
        match find(store, &path).await {
            Some(_) if n >= WARMING => hits += 1,
            Some(_) => {}
            None => drop(store.insert(key(&path), object(LONG, &body))),
        }
        // The writer keeps up, as it does with requests from a network.
        while n % 8 == 0 && !store.is_idle() {
            sleep(Duration::from_micros(20)).await;
        }
        after_each(n);
    }
    f64::from(hits) / REQUESTS as f64
}

fn ram(objects: u64) -> ByteSize {
    let store = open(&Config::default());
    store.insert(key("/1234"), object(LONG, &bytes(LEN)));
    ByteSize(objects * store.weight())
}

#[tokio::test]
async fn memory_for_an_eighth_of_all_answers_five_of_eight_requests() {
    let config = Config {
        ram: ram(512),
        ..Config::default()
    };
    let store = open(&config);
    let mut most = 0;
    let ratio = hit_ratio(&store, |_| most = most.max(store.weight())).await;
    assert!(ratio >= 0.62, "{ratio}");
    assert!(most <= config.ram.as_u64());
}

#[tokio::test]
async fn with_a_disk_for_half_of_all_it_is_five_of_six() {
    let dir = TempDir::new().unwrap();
    let file_len = 8192;
    let config = Config {
        // What the index takes of it here is little there: the objects are larger.
        ram: ByteSize(ram(512).as_u64() + (512 << 10)),
        disk: ByteSize(2048 * file_len),
        ..config(dir.path())
    };
    let store = open(&config);
    let mut most = 0;
    let ratio = hit_ratio(&store, |n| {
        if n % 2000 == 1999 {
            let lens = files(dir.path()).into_iter();
            let lens = lens.filter_map(|file| Some(fs::metadata(file).ok()?.len()));
            most = most.max(lens.map(|len| len.next_multiple_of(4096)).sum());
        }
    })
    .await;
    assert!(ratio >= 0.83, "{ratio}");
    assert!(most <= config.disk.as_u64(), "{most}");
    assert!(most > config.disk.as_u64() / 2, "{most}");
}
