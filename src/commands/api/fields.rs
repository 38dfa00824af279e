//! Fields of a request, as `KEY=VALUE`; `a[b]=c` goes deeper, `a[]=b` makes a list.

use std::str::FromStr;

use serde_json::{Map, Value, json};

use crate::error::Error;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    key: String,
    value: String,
}

impl FromStr for Field {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok(Self {
                key: key.to_owned(),
                value: value.to_owned(),
            }),
            Some(_) | None => Err("expected KEY=VALUE".to_owned()),
        }
    }
}

pub(super) fn query(fields: &[Field]) -> Vec<(String, String)> {
    let pairs = fields.iter();
    pairs
        .map(|field| (field.key.clone(), field.value.clone()))
        .collect()
}

/// The fields as an object.
pub(super) fn body(fields: &[Field]) -> Result<Value, Error> {
    let mut body = Value::Object(Map::new());
    for Field { key, value } in fields {
        let (first, rest) = key.split_once('[').unwrap_or((key, ""));
        let mut path = vec![first];
        if !rest.is_empty() {
            let inner = rest.strip_suffix(']').ok_or_else(|| unreadable(key))?;
            path.extend(inner.split("]["));
        }
        insert_at_path(&mut body, &path, parse_value(value)).ok_or_else(|| unreadable(key))?;
    }
    Ok(body)
}

fn unreadable(key: &str) -> Error {
    Error::usage(
        format!("field `{key}` conflicts with another field"),
        "use name=value, object[name]=value or list[]=value",
    )
}

fn insert_at_path(into: &mut Value, path: &[&str], value: Value) -> Option<()> {
    let Some((first, rest)) = path.split_first() else {
        *into = value;
        return Some(());
    };
    if first.is_empty() {
        if into.is_null() {
            *into = json!([]);
        }
        let list = into.as_array_mut()?;
        list.push(Value::Null);
        return insert_at_path(list.last_mut()?, rest, value);
    }
    if into.is_null() {
        *into = json!({});
    }
    let object = into.as_object_mut()?;
    let inner = object.entry((*first).to_owned()).or_insert(Value::Null);
    insert_at_path(inner, rest, value)
}

/// `true`, `false`, `null` and whole numbers as such; everything else, and what is in double quotes, as text.
fn parse_value(value: &str) -> Value {
    match serde_json::from_str(value) {
        Ok(known @ (Value::Bool(_) | Value::Null | Value::String(_))) => known,
        Ok(Value::Number(number)) if number.is_i64() && number.to_string() == value => {
            Value::Number(number)
        }
        Ok(_) | Err(_) => Value::String(value.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body_of(fields: &[&str]) -> Option<Value> {
        let fields: Vec<Field> = fields.iter().map(|field| field.parse().unwrap()).collect();
        body(&fields).ok()
    }

    #[test]
    fn fields_become_an_object() {
        assert_eq!(
            body_of(&["name=a=b", "private=true", "count=7", "text=\"7\"", "v=1.5"]),
            Some(json!({"name": "a=b", "private": true, "count": 7, "text": "7", "v": "1.5"}))
        );
        assert_eq!(
            body_of(&["target[hash]=main", "events[]=a", "events[]=b", "l[][id]=1"]),
            Some(json!({"target": {"hash": "main"}, "events": ["a", "b"], "l": [{"id": 1}]}))
        );
        assert_eq!(body_of(&["a=1", "a[b]=2"]), None);
        assert_eq!(body_of(&["a[b=2"]), None);
        assert!("no-value".parse::<Field>().is_err());
    }
}
