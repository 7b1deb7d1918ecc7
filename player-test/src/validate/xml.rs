//! A document as a tree, each element with its line.

use std::collections::BTreeMap;

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

/// Deepest nesting. Chosen: an MPD needs 7.
const DEPTH_MAX: usize = 32;

/// An element.
#[derive(Debug, Clone, Default)]
pub(super) struct Element {
    /// Without prefix.
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

impl Element {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    pub(super) fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.get(name)?.parse().ok()
    }

    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    pub(super) fn one<'a>(&'a self, name: &'a str) -> Option<&'a Element> {
        self.all(name).next()
    }
}

/// Reads a document: its root, if it is well-formed.
pub(super) fn parse(text: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let (mut line, mut counted) = (1, 0);
    loop {
        let at = usize::try_from(reader.buffer_position())
            .unwrap_or(usize::MAX)
            .min(text.len());
        line += text.as_bytes()[counted..at]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        counted = at;
        let closed = match reader
            .read_event()
            .map_err(|error| format!("line {line}: {error}"))?
        {
            Event::Start(start) if open.len() < DEPTH_MAX => {
                open.push(element(&start, line)?);
                continue;
            }
            Event::Start(_) => {
                return Err(format!("line {line}: nested more than {DEPTH_MAX} deep"));
            }
            Event::Empty(start) => element(&start, line)?,
            Event::End(_) => open.pop().ok_or("an end without a start")?,
            Event::Text(text) => {
                let inside = open.last_mut();
                inside
                    .into_iter()
                    .for_each(|e| e.text.push_str(text.trim()));
                continue;
            }
            Event::Eof if !open.is_empty() => return Err("it ends too early".to_owned()),
            Event::Eof => return root.ok_or_else(|| "no root element".to_owned()),
            _ => continue,
        };
        match open.last_mut() {
            Some(parent) => parent.children.push(closed),
            None if root.is_some() => return Err(format!("line {line}: a second root")),
            None => root = Some(closed),
        }
    }
}

fn element(start: &BytesStart<'_>, line: usize) -> Result<Element, String> {
    let mut element = Element {
        name: start.local_name().as_ref().to_owned(),
        line,
        ..Element::default()
    };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| format!("line {line}: {error}"))?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0);
        let value = value.map_err(|error| format!("line {line}: {error}"))?;
        element
            .attributes
            .insert(attribute.key.as_ref().to_owned(), value.into_owned());
    }
    Ok(element)
}
