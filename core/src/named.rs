//! Enums whose variants have names for people: in the configuration, the status and the log, and as
//! labels of metrics.

/// An enum as a table of its variants and their names, so that the list of all is complete.
///
/// Without fields it has `ALL`, in which `ALL[it as usize]` is `it`; with fields it has `NAMES`, in
/// the same order.
#[macro_export]
macro_rules! named {
    (
        $(#[$about:meta])*
        $vis:vis enum $Enum:ident { $($(#[$on:meta])* $variant:ident = $name:literal,)+ }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis enum $Enum { $($(#[$on])* $variant,)+ }

        impl $Enum {
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// The word for it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
    (
        $(#[$about:meta])*
        $vis:vis enum $Enum:ident with fields {
            $($(#[$on:meta])* $variant:ident $(($of:ty))? $({ $($field:ident: $type:ty),+ })? = $name:literal,)+
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        $vis enum $Enum { $($(#[$on])* $variant $(($of))? $({ $($field: $type),+ })?,)+ }

        impl $Enum {
            pub const NAMES: [&str; [$($name),+].len()] = [$($name),+];

            /// The word for it.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $name,)+ }
            }
        }
    };
}
