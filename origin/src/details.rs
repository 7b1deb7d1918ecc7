//! What operators say of an asset, and how they change it: JSON merge patch (RFC 7396).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use wire::{Access, AssetDetails, Priority};

use crate::OriginError;

/// Longest title, letters. Chosen.
pub(crate) const TITLE_MAX: usize = 200;

/// Most tags of an asset, and longest of them, letters. Chosen.
const TAGS_MAX: usize = 32;
pub(crate) const TAG_LEN_MAX: usize = 64;

/// Longest metadata of an asset, bytes of JSON. Chosen.
const METADATA_MAX: usize = 8 << 10;

/// All that can be changed of an asset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Details {
    pub(crate) title: String,
    pub(crate) access: Access,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    #[serde(default)]
    pub(crate) priority: Priority,
    #[serde(default)]
    pub(crate) metadata: Map<String, Value>,
}

impl Details {
    pub(crate) fn of(title: String, details: AssetDetails) -> Self {
        let AssetDetails {
            access,
            tags,
            priority,
            metadata,
        } = details;
        Self {
            title,
            access,
            tags,
            priority,
            metadata,
        }
    }

    /// These, changed by a merge patch.
    ///
    /// # Errors
    /// What comes of it can't be, or can't be changed.
    pub(crate) fn patched(&self, patch: &Value) -> Result<Self, OriginError> {
        if !patch.is_object() {
            return bad("the body is a JSON object of what is to change".into());
        }
        let mut all = serde_json::to_value(self).expect("these are always JSON");
        merge(&mut all, patch);
        let changed: Self = serde_json::from_value(all)
            .map_err(|error| OriginError::BadRequest(format!("that can't be: {error}")))?;
        changed.checked()
    }

    fn checked(mut self) -> Result<Self, OriginError> {
        if !is_line(&self.title, TITLE_MAX) {
            return bad(format!(
                "a title is 1 to {TITLE_MAX} letters without line breaks"
            ));
        }
        self.tags = tags(&self.tags)?;
        let metadata = serde_json::to_string(&self.metadata).expect("a map is always JSON");
        if metadata.len() > METADATA_MAX {
            return bad(format!(
                "metadata may have {METADATA_MAX} bytes at most, as JSON"
            ));
        }
        Ok(self)
    }
}

/// Tags as they are kept: in lower case, each once, in order.
fn tags(tags: &[String]) -> Result<Vec<String>, OriginError> {
    let mut kept: Vec<String> = tags.iter().map(|tag| tag_form(tag)).collect();
    kept.sort();
    kept.dedup();
    if kept.len() > TAGS_MAX {
        return bad(format!("an asset has {TAGS_MAX} tags at most"));
    }
    match kept.iter().find(|tag| !is_line(tag, TAG_LEN_MAX)) {
        Some(tag) => bad(format!(
            "{tag:?} is no tag: 1 to {TAG_LEN_MAX} letters without line breaks"
        )),
        None => Ok(kept),
    }
}

/// A tag as it is kept, and looked for.
pub(crate) fn tag_form(tag: &str) -> String {
    tag.trim().to_lowercase()
}

/// It can be shown on one line of at most `max` letters, and there is something to see.
pub(crate) fn is_line(text: &str, max: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= max && !text.chars().any(char::is_control)
}

/// RFC 7396 §2.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else {
        return;
    };
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

fn bad<T>(detail: String) -> Result<T, OriginError> {
    Err(OriginError::BadRequest(detail))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn patches_merge_as_in_the_appendix_of_rfc_7396() {
        for (target, patch, result) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": "b"}),
                json!({"b": "c"}),
                json!({"a": "b", "b": "c"}),
            ),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (
                json!({"a": "b", "b": "c"}),
                json!({"a": null}),
                json!({"b": "c"}),
            ),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (
                json!({"a": [{"b": "c"}]}),
                json!({"a": [1]}),
                json!({"a": [1]}),
            ),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a": "b"}), json!(["c"]), json!(["c"])),
            (json!({"a": "foo"}), json!(null), json!(null)),
            (json!({"a": "foo"}), json!("bar"), json!("bar")),
            (
                json!({"e": null}),
                json!({"a": 1}),
                json!({"e": null, "a": 1}),
            ),
            (
                json!([1, 2]),
                json!({"a": "b", "c": null}),
                json!({"a": "b"}),
            ),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
        ] {
            let mut merged = target.clone();
            merge(&mut merged, &patch);
            assert_eq!(merged, result, "{target} by {patch}");
        }
    }

    #[test]
    fn what_can_not_be_is_refused_in_words() {
        let now = Details::of("A film".into(), AssetDetails::default());
        for (patch, said) in [
            (json!([1]), "JSON object"),
            (json!({"title": null}), "missing field `title`"),
            (json!({"title": " "}), "a title is 1 to 200"),
            (json!({"title": "a\u{0}b"}), "a title is 1 to 200"),
            (json!({"title": "x".repeat(201)}), "a title is 1 to 200"),
            (json!({"access": "secret"}), "unknown variant `secret`"),
            (json!({"priority": 3}), "invalid type"),
            (json!({"state": "ready"}), "unknown field `state`"),
            (json!({"tags": [""]}), "is no tag"),
            (json!({"tags": ["x".repeat(65)]}), "is no tag"),
            (
                json!({"tags": (0..33).map(|n| n.to_string()).collect::<Vec<_>>()}),
                "32 tags",
            ),
            (json!({"metadata": 1}), "invalid type"),
            (json!({"metadata": {"a": "x".repeat(8200)}}), "8192 bytes"),
        ] {
            let error = now.patched(&patch).unwrap_err().to_string();
            assert!(error.contains(said), "{patch}: {error}");
        }
    }

    #[test]
    fn tags_are_kept_in_one_form_and_null_takes_them_away() {
        let now = Details::of("A film".into(), AssetDetails::default());
        let tagged = now
            .patched(&json!({"tags": ["News ", "ÉTÉ", "news"]}))
            .unwrap();
        assert_eq!(tagged.tags, ["news", "été"]);
        assert_eq!(tagged.patched(&json!({"tags": null})).unwrap(), now);
    }
}
