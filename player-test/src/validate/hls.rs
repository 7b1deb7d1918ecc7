//! Multivariant playlists: what one says, and whether it holds together.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    between,
    context::{Context, Part, Track},
    language::well_formed,
    m3u8::{Line, attributes, lines},
    media_playlist::{self, MediaPlaylist},
    rules,
    source::Source,
    text, variant,
};
use crate::url::Url;

/// A line with attributes that names a playlist.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) place: String,
    attributes: BTreeMap<String, String>,
    pub(super) url: Option<Url>,
}

impl Named {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.get(name)?.parse().ok()
    }
}

/// What a multivariant playlist says.
#[derive(Debug, Default)]
pub(super) struct Multivariant {
    pub(super) place: String,
    pub(super) variants: Vec<Named>,
    pub(super) renditions: Vec<Named>,
    iframes: Vec<Named>,
    /// `EXT-X-SESSION-DATA` with a URI.
    files: Vec<Url>,
    pub(super) independent: bool,
    pub(super) start: bool,
}

/// A playlist that is named, and its segments.
pub(super) struct Child {
    pub(super) list: MediaPlaylist,
    pub(super) track: Track,
}

pub(super) type Children = Vec<(Url, Child)>;

/// Reads a playlist of either kind and all that it names.
pub(super) async fn check(context: &mut Context, url: &Url) {
    let Some((base, text)) = context.document(url).await else {
        return;
    };
    if !text.contains("#EXT-X-STREAM-INF") && text.contains("#EXTINF") {
        if let Some(list) = media_playlist::read(context, url).await {
            let track = media_playlist::measure(context, &list).await;
            between::check_independent(context, list.independent, &list.place, &track);
        }
        return;
    }
    let multivariant = parse(context, &base, &text);
    check_groups(context, &multivariant);
    let children = load(context, &multivariant).await;
    between::check(context, &multivariant, &children);
    for variant in &multivariant.variants {
        variant::check(context, &multivariant, variant, &children);
    }
    check_texts(context, &multivariant, &children).await;
    for url in &multivariant.files {
        let part = Part {
            url: url.clone(),
            range: None,
            lock: None,
        };
        context.bytes(&part).await;
    }
}

fn parse(context: &mut Context, base: &Url, text: &str) -> Multivariant {
    let place = Source::show(base);
    media_playlist::check_syntax(context, &place, text);
    let mut read = Multivariant {
        place: place.clone(),
        ..Multivariant::default()
    };
    let (mut version, mut pending, mut needs) = (1, None, (1, ""));
    for (number, line) in lines(text) {
        let at = format!("{place}:{number}");
        match line {
            Line::Tag("-X-VERSION", value) => version = value.parse().unwrap_or(0),
            Line::Tag("-X-INDEPENDENT-SEGMENTS", _) => read.independent = true,
            Line::Tag("-X-START", _) => read.start = true,
            Line::Tag(
                tag @ ("-X-STREAM-INF" | "-X-MEDIA" | "-X-I-FRAME-STREAM-INF" | "-X-SESSION-DATA"),
                value,
            ) => {
                let list = match attributes(value) {
                    Ok(list) => list,
                    Err(words) => {
                        context.add(rules::HLS_PARSE, &at, words);
                        continue;
                    }
                };
                if list
                    .get("INSTREAM-ID")
                    .is_some_and(|id| id.starts_with("SERVICE"))
                {
                    needs = (7, "INSTREAM-ID of a service");
                }
                let url = list
                    .get("URI")
                    .and_then(|uri| join(context, base, uri, &at));
                let attributes = list
                    .iter()
                    .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                    .collect();
                let named = Named {
                    place: at,
                    attributes,
                    url,
                };
                match tag {
                    "-X-STREAM-INF" => pending = Some(named),
                    "-X-MEDIA" => read.renditions.push(named),
                    "-X-SESSION-DATA" => read.files.extend(named.url),
                    _ => read.iframes.push(named),
                }
            }
            Line::Tag(..) => {}
            Line::Uri(uri) => match pending.take() {
                Some(named) => {
                    let url = join(context, base, uri, &at);
                    read.variants.push(Named { url, ..named });
                }
                None => context.add(rules::HLS_PARSE, &at, "a URI without EXT-X-STREAM-INF"),
            },
        }
    }
    media_playlist::check_version(context, &place, version, needs);
    read
}

fn join(context: &mut Context, base: &Url, uri: &str, place: &str) -> Option<Url> {
    base.join(uri)
        .map_err(|error| context.add(rules::FETCH, place, format!("{uri:?}: {error}")))
        .ok()
}

/// Rules of `EXT-X-MEDIA` and of what must be in each line.
fn check_groups(context: &mut Context, m: &Multivariant) {
    let required: [(&[Named], &[&str]); 3] = [
        (&m.variants, &["BANDWIDTH", "CODECS"]),
        (&m.renditions, &["TYPE", "GROUP-ID", "NAME"]),
        (&m.iframes, &["BANDWIDTH", "URI"]),
    ];
    for (lines, names) in required {
        for line in lines {
            for name in names.iter().filter(|name| line.get(name).is_none()) {
                context.add(rules::HLS_REQUIRED, &line.place, format!("no {name}"));
            }
        }
    }
    let mut defaults: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    let mut names = BTreeSet::new();
    for r in &m.renditions {
        let group = (
            r.get("TYPE").unwrap_or_default(),
            r.get("GROUP-ID").unwrap_or_default(),
        );
        if !names.insert((group, r.get("NAME").unwrap_or_default())) {
            let words = format!(
                "NAME {:?} is twice in group {:?}",
                r.get("NAME").unwrap_or_default(),
                group.1
            );
            context.add(rules::HLS_NAME, &r.place, words);
        }
        if r.get("DEFAULT") == Some("YES") {
            let count = defaults.entry(group).or_default();
            *count += 1;
            if *count > 1 {
                context.add(
                    rules::HLS_DEFAULT,
                    &r.place,
                    format!("group {:?} has {count} defaults", group.1),
                );
            }
            if r.get("AUTOSELECT").is_some_and(|value| value != "YES") {
                context.add(
                    rules::HLS_DEFAULT,
                    &r.place,
                    "DEFAULT=YES with AUTOSELECT that is not YES",
                );
            }
        }
        if let Some(tag) = r.get("LANGUAGE").filter(|tag| !well_formed(tag)) {
            context.add(rules::HLS_LANGUAGE, &r.place, format!("LANGUAGE {tag:?}"));
        }
        let used = m
            .variants
            .iter()
            .any(|variant| variant.get(group.0) == Some(group.1));
        if !used {
            context.add(
                rules::HLS_GROUP,
                &r.place,
                format!("no variant uses the {} group {:?}", group.0, group.1),
            );
        }
    }
    for variant in &m.variants {
        for kind in ["AUDIO", "SUBTITLES"] {
            let Some(group) = variant.get(kind) else {
                continue;
            };
            if members(m, kind, group).next().is_none() {
                context.add(
                    rules::HLS_GROUP,
                    &variant.place,
                    format!("no {kind} group {group:?}"),
                );
            }
        }
    }
}

pub(super) fn members<'a>(
    m: &'a Multivariant,
    kind: &'a str,
    group: &'a str,
) -> impl Iterator<Item = &'a Named> {
    let in_group =
        move |r: &&Named| r.get("TYPE") == Some(kind) && r.get("GROUP-ID") == Some(group);
    m.renditions.iter().filter(in_group)
}

/// Loads every playlist, once each, and then the segments of pictures and sound: all
/// playlists at one time, for they may grow.
async fn load(context: &mut Context, m: &Multivariant) -> Children {
    let mut lists: Vec<(Url, bool, MediaPlaylist)> = Vec::new();
    for named in m.variants.iter().chain(&m.renditions) {
        let Some(url) = &named.url else { continue };
        if lists.iter().any(|(known, ..)| known == url) {
            continue;
        }
        if let Some(list) = media_playlist::read(context, url).await {
            let is_text = named.get("TYPE") == Some("SUBTITLES");
            lists.push((url.clone(), is_text, list));
        }
    }
    let mut children = Children::new();
    for (url, is_text, list) in lists {
        let track = if is_text {
            Track::of_text(&list.place)
        } else {
            media_playlist::measure(context, &list).await
        };
        children.push((url, Child { list, track }));
    }
    for url in m.iframes.iter().filter_map(|named| named.url.as_ref()) {
        if let Some(list) = media_playlist::read(context, url).await {
            media_playlist::check_iframes(context, &list).await;
        }
    }
    children
}

pub(super) fn child<'a>(children: &'a Children, named: &Named) -> Option<&'a Child> {
    let url = named.url.as_ref()?;
    children
        .iter()
        .find(|(known, _)| known == url)
        .map(|(_, child)| child)
}

/// Playlists of text, against the first with pictures.
async fn check_texts(context: &mut Context, m: &Multivariant, children: &Children) {
    let base = m.variants.first().and_then(|v| child(children, v));
    let first = |child: &Child| {
        Some(
            child
                .track
                .facts
                .as_ref()?
                .secs(child.track.segments.first()?.1.as_ref()?.start),
        )
    };
    let begin = base.and_then(first).unwrap_or(0.0);
    for r in m
        .renditions
        .iter()
        .filter(|r| r.get("TYPE") == Some("SUBTITLES"))
    {
        if r.url.is_none() {
            context.add(rules::HLS_REQUIRED, &r.place, "no URI");
        }
        let Some(Child { list, .. }) = child(children, r) else {
            continue;
        };
        text::check_segments(context, list, begin).await;
        let Some(base) = base else { continue };
        let apart = list.secs() - base.list.secs();
        if apart.abs() > base.list.target as f64 {
            context.add(
                rules::HLS_COVER,
                &list.place,
                format!("covers {apart:+.3} s against the picture"),
            );
        }
    }
}
