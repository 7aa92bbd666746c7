//! A JSON Schema (draft 7, which editors of TOML understand) of job files, from the kinds' own keys.

use jobs::Kind;
use serde_json::{Map, Value, json};

use super::kinds::Kinds;
use super::reference::{self, Entry};

/// The schema of the job files of these kinds; hidden ones are part of it, as they may be used.
pub fn schema(kinds: Kinds) -> Value {
    let names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
    let mut properties = object_of(&reference::TOP);
    if let Some(kind) = properties.get_mut("kind") {
        kind["enum"] = json!(names);
    }
    for table in ["input", "params", "output"] {
        properties.insert(table.into(), json!({ "type": "object" }));
    }
    properties.insert("run".into(), closed(object_of(reference::RUN)));
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A job file of coordinator",
        "type": "object",
        "required": ["kind"],
        "additionalProperties": false,
        "properties": properties,
        "allOf": kinds.iter().map(|kind| of_kind(*kind)).collect::<Vec<_>>(),
    })
}

/// What the other tables hold where the kind is this one.
fn of_kind(kind: &dyn Kind) -> Value {
    let entries = reference::of_kind(kind);
    let table = |name: &str| {
        let own = entries.iter().filter(|entry| entry.path.0 == name).copied();
        let common = reference::OUTPUT.into_iter().filter(|entry| entry.path.0 == name);
        closed(object_of(&own.chain(common).collect::<Vec<_>>()))
    };
    json!({
        "if": { "properties": { "kind": { "const": kind.name() } } },
        "then": {
            "description": kind.about(),
            "properties": { "input": table("input"), "params": table("params"), "output": table("output") },
        },
    })
}

fn closed(properties: Map<String, Value>) -> Value {
    json!({ "type": "object", "additionalProperties": false, "properties": properties })
}

/// The keys by name; those of a list of tables (`step.op`) under the list's.
fn object_of(entries: &[Entry]) -> Map<String, Value> {
    let mut properties = Map::new();
    for entry in entries {
        match entry.path.1.split_once('.') {
            None => {
                properties.insert(entry.path.1.to_owned(), described(entry));
            }
            Some((list, name)) => {
                let list = properties
                    .entry(list)
                    .or_insert_with(|| json!({ "type": "array", "items": closed(Map::new()) }));
                // One name may mean something else in another step.
                let described = described(entry);
                let place = &mut list["items"]["properties"][name];
                *place = match place.take() {
                    Value::Null => described,
                    earlier => json!({ "anyOf": [earlier, described] }),
                };
            }
        }
    }
    properties
}

fn described(entry: &Entry) -> Value {
    let mut schema = shape(entry.kind).unwrap_or_else(|| json!({}));
    let default = entry.default.map_or_else(String::new, |default| format!(" (default: {default})"));
    schema["description"] = format!("{}{default}", entry.about).into();
    if let Some(example) = value_of(entry.example) {
        schema["examples"] = json!([example]);
    }
    schema
}

/// A value as it would stand in a job file, as JSON.
fn value_of(example: &str) -> Option<Value> {
    let table: toml::Table = toml::from_str(&format!("value = {example}")).ok()?;
    serde_json::to_value(table.get("value")?).ok()
}

/// What the words for a type mean; `None` for words that are not known.
fn shape(words: &str) -> Option<Value> {
    let quoted: Vec<&str> = words.split('"').skip(1).step_by(2).collect();
    let text = || json!({ "type": "string" });
    Some(match words {
        _ if words.ends_with(", or integer") => {
            json!({ "anyOf": [{ "enum": quoted }, { "type": "integer" }] })
        }
        _ if !quoted.is_empty() => json!({ "enum": quoted }),
        "true or false" => json!({ "type": "boolean" }),
        "text" | "path" | "pattern" | "type" | "operation" | "colour" | "one character" => text(),
        "size" | "time" => json!({ "type": ["string", "number"] }),
        "name, or number from 1" => json!({ "type": ["string", "integer"] }),
        "number" | "numbers" => json!({ "type": "number" }),
        "numbers, or of true and false" => json!({ "type": ["number", "string", "boolean"] }),
        "90, 180 or 270" => json!({ "enum": [90, 180, 270] }),
        "table of two integers" => {
            let bound = json!({ "type": ["integer", "string"] });
            let mut range = closed(Map::from_iter([("from".into(), bound.clone()), ("to".into(), bound)]));
            range["required"] = json!(["from", "to"]);
            range
        }
        "text or list of text" => json!({ "anyOf": [text(), { "type": "array", "items": text() }] }),
        "list of texts" | "list of text" | "list of paths" => {
            json!({ "type": "array", "items": { "type": ["string", "number"] } })
        }
        _ if words.starts_with("list of behaviours") => json!({ "type": "array", "items": text() }),
        _ if words.starts_with("list of ") => {
            json!({ "type": "array", "items": shape(words.strip_prefix("list of ")?)? })
        }
        // Large integers stand in quotes.
        _ if words.starts_with("integer") => json!({ "type": ["integer", "string"] }),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As much of JSON Schema as is used here.
    fn fits(schema: &Value, value: &Value) -> bool {
        let one = |name: &Value| match name.as_str() {
            Some("string") => value.is_string(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("number") => value.is_number(),
            Some("boolean") => value.is_boolean(),
            Some("array") => value.is_array(),
            Some("object") => value.is_object(),
            other => panic!("what type is {other:?}?"),
        };
        let typed = match &schema["type"] {
            Value::Null => true,
            Value::Array(names) => names.iter().any(one),
            name => one(name),
        };
        let listed = |key: &str| schema[key].as_array().cloned();
        let properties = |value: &Value, schema: &Value| {
            value.as_object().is_none_or(|object| {
                object.iter().all(|(key, value)| match schema["properties"].get(key) {
                    Some(schema) => fits(schema, value),
                    None => schema["additionalProperties"] != false,
                })
            })
        };
        typed
            && (schema.get("const").is_none_or(|only| only == value))
            && listed("enum").is_none_or(|choices| choices.contains(value))
            && listed("anyOf").is_none_or(|choices| choices.iter().any(|schema| fits(schema, value)))
            && listed("allOf").is_none_or(|all| all.iter().all(|schema| fits(schema, value)))
            && listed("required")
                .is_none_or(|keys| keys.iter().all(|key| value.get(key.as_str().unwrap()).is_some()))
            && value.as_array().is_none_or(|items| {
                items.iter().all(|item| schema.get("items").is_none_or(|of| fits(of, item)))
            })
            && properties(value, schema)
            && schema.get("if").is_none_or(|test| !fits(test, value) || fits(&schema["then"], value))
    }

    fn value(text: &str) -> Value {
        serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap()
    }

    #[test]
    fn every_key_has_a_type_that_its_example_fits() {
        let kinds = jobs::registry().iter().flat_map(|kind| reference::of_kind(*kind));
        for entry in
            kinds.chain(reference::TOP).chain(reference::RUN.iter().copied()).chain(reference::OUTPUT)
        {
            let name = entry.full_name();
            let shape = shape(entry.kind).unwrap_or_else(|| panic!("{name}: what is {:?}?", entry.kind));
            let example = value_of(entry.example).unwrap_or_else(|| panic!("{name}: {}", entry.example));
            assert!(fits(&shape, &example), "{name}: {shape} {example}");
        }
    }

    #[test]
    fn the_examples_of_all_kinds_fit_and_mistakes_do_not() {
        let schema = schema(jobs::registry());
        for kind in jobs::registry() {
            let mut job = value(kind.example());
            assert!(fits(&schema, &job), "{}", kind.example());
            job["input"]["misspelt"] = 1.into();
            assert!(!fits(&schema, &job), "{}: an unknown key fits", kind.name());
        }
        for wrong in [
            "name = \"no kind\"",
            "kind = \"prims\"",
            "kind = \"primes\"\ninput.numbers = 7",
            "kind = \"primes\"\nrun.order = \"imput\"",
            "kind = \"primes\"\nrun.wrokers = 2",
            "kind = \"primes\"\nparams.steps = []",
            "kind = \"images\"\n[[params.step]]\noop = \"tile\"",
        ] {
            assert!(!fits(&schema, &value(wrong)), "{wrong}");
        }
    }
}
