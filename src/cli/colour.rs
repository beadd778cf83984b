//! The values of `--color`.

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::report::Colour;

impl ValueEnum for Colour {
    fn value_variants<'a>() -> &'a [Self] {
        &[Colour::Auto, Colour::Always, Colour::Never]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, meaning) = match self {
            Colour::Auto => ("auto", "On a terminal, unless `color.ui` or `NO_COLOR` says otherwise"),
            Colour::Always => ("always", "Always"),
            Colour::Never => ("never", "Never"),
        };
        Some(PossibleValue::new(name).help(meaning))
    }
}
