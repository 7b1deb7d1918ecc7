//! A setting that may be `off`, in serde's form.

use std::{
    fmt::{Debug, Display},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

const OFF: &str = "off";

pub(crate) fn serialize<T: Serialize, S: Serializer>(
    value: &Option<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => value.serialize(serializer),
        None => OFF.serialize(serializer),
    }
}

pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: FromStr<Err: Display> + Debug,
    D: Deserializer<'de>,
{
    let text = String::deserialize(deserializer)?;
    if text == OFF {
        return Ok(None);
    }
    let parsed = text.parse().map(Some);
    parsed.map_err(|fault| D::Error::custom(format!("{text:?}: {fault}; or \"off\"")))
}
