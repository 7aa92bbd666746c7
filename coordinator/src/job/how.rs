//! How a knob is read: from a flag and from a key of a job file, by one parser.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser, ValueParser};
use clap::{Arg, ArgAction, ArgMatches};
use jobs::spec::{Item, SpecError, SpecErrors, Table};

use super::units::ValueError;

/// A parser of one value.
pub(super) type Parse<T> = fn(&str) -> Result<T, ValueError>;

/// What a knob's value is made of.
pub(super) trait How {
    /// The value.
    type Value: Clone + Send + Sync + 'static;

    /// The flag, which has its name and its help already.
    fn arg(&self, arg: Arg) -> Arg;

    /// What the flag of this name says.
    fn flag(&self, matches: &ArgMatches, name: &str) -> Option<Self::Value> {
        matches.get_one(name).cloned()
    }

    /// What the key of this name says; what is wrong with it goes to the reader's errors.
    fn take(&self, reader: &mut Reader<'_>, name: &'static str) -> Option<Self::Value>;
}

/// One value.
pub(super) struct One<T>(pub(super) Parse<T>);

/// One value of a few that have names.
pub(super) struct Named<T>(pub(super) Parse<T>, pub(super) &'static [&'static str]);

/// Several values of a few that have names, each once.
pub(super) struct List<T>(pub(super) Parse<T>, pub(super) &'static [&'static str]);

/// True or false; a flag without a value.
pub(super) struct Switch;

/// A file. Flags only: a job file doesn't choose programs.
pub(super) struct Program;

impl<T: Clone + Send + Sync + 'static> How for One<T> {
    type Value = T;

    fn arg(&self, arg: Arg) -> Arg {
        arg.value_parser(ValueParser::new(self.0))
    }

    fn take(&self, reader: &mut Reader<'_>, name: &'static str) -> Option<T> {
        reader.take(name, self.0)
    }
}

impl<T: Clone + Send + Sync + 'static> How for Named<T> {
    type Value = T;

    fn arg(&self, arg: Arg) -> Arg {
        arg.value_parser(named(self.0, self.1))
    }

    fn take(&self, reader: &mut Reader<'_>, name: &'static str) -> Option<T> {
        reader.take(name, self.0)
    }
}

impl<T: Clone + PartialEq + Send + Sync + 'static> How for List<T> {
    type Value = Vec<T>;

    fn arg(&self, arg: Arg) -> Arg {
        arg.action(ArgAction::Append).value_delimiter(',').value_parser(named(self.0, self.1))
    }

    fn flag(&self, matches: &ArgMatches, name: &str) -> Option<Vec<T>> {
        Some(matches.get_many(name)?.cloned().collect())
    }

    fn take(&self, reader: &mut Reader<'_>, name: &'static str) -> Option<Vec<T>> {
        let list = reader.table.take(name)?.into_list();
        let mut values = Vec::new();
        for item in reader.keep(list)? {
            let found = reader.keep(value(&item, self.0));
            values.extend(found.filter(|found| !values.contains(found)));
        }
        Some(values)
    }
}

impl How for Switch {
    type Value = bool;

    fn arg(&self, arg: Arg) -> Arg {
        arg.action(ArgAction::SetTrue)
    }

    fn flag(&self, matches: &ArgMatches, name: &str) -> Option<bool> {
        matches.get_flag(name).then_some(true)
    }

    fn take(&self, reader: &mut Reader<'_>, name: &'static str) -> Option<bool> {
        let item = reader.table.take(name)?;
        let switch = reader.keep(item.bool());
        reader.items.push((name, item));
        switch
    }
}

impl How for Program {
    type Value = PathBuf;

    fn arg(&self, arg: Arg) -> Arg {
        arg.value_parser(ValueParser::path_buf())
    }

    fn take(&self, _: &mut Reader<'_>, _: &'static str) -> Option<PathBuf> {
        None
    }
}

fn named<T: Clone + Send + Sync + 'static>(
    parse: Parse<T>,
    names: &'static [&'static str],
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(names).try_map(move |name| parse(&name))
}

/// Takes keys, and keeps going where one is wrong.
pub(super) struct Reader<'a> {
    table: &'a mut Table,
    errors: &'a mut SpecErrors,
    items: Vec<(&'static str, Item)>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(table: &'a mut Table, errors: &'a mut SpecErrors) -> Self {
        Self { table, errors, items: Vec::new() }
    }

    fn take<T>(&mut self, name: &'static str, parse: Parse<T>) -> Option<T> {
        let item = self.table.take(name)?;
        let taken = self.keep(value(&item, parse));
        self.items.push((name, item));
        taken
    }

    fn keep<T>(&mut self, result: Result<T, SpecError>) -> Option<T> {
        result.map_err(|error| self.errors.push(error)).ok()
    }

    /// What a key says can't be together with what another says.
    pub(super) fn contradicts(&mut self, name: &str, message: impl FnOnce(&Item) -> String, hint: &str) {
        if let Some((_, item)) = self.items.iter().find(|(known, _)| *known == name) {
            self.errors.push(SpecError { hint: Some(hint.into()), ..item.error(message(item)) });
        }
    }
}

/// A value through the parser that a flag of the same name has.
fn value<T>(item: &Item, parse: Parse<T>) -> Result<T, SpecError> {
    let described = item.describe();
    let text = if item.is_text() { item.text()? } else { &described };
    parse(text).map_err(|error| item.error(format!("{described} is {error}")))
}
