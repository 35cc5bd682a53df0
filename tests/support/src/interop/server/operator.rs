//! The operator of a node of a cluster: a separate Erlang node, which is not a part of the cluster.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command};

use crate::process::Process;

pub struct Operator {
    _process: Process,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Operator {
    pub fn start(command: Command, log: &Path) -> Operator {
        let (process, input, output) = Process::start_dialogue(command, log);
        Operator { _process: process, input, output: BufReader::new(output) }
    }

    /// The value of these Erlang expressions, in which `Node` is the node.
    pub fn evaluate(&mut self, expressions: &str) -> String {
        writeln!(self.input, "{expressions}.").expect("it reads");
        // Erlang itself writes lines in between, about connections that end for example.
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).expect("it answers"), 0, "it has ended");
            if let Some(value) = line.strip_prefix(VALUE) {
                return value.trim_end().to_owned();
            }
        }
    }
}

/// Evaluates each line of input for the node with this name, and writes its value, or the error, on a
/// line that begins with [`VALUE`].
pub fn program(node: &str) -> String {
    format!(
        "Loop = fun Loop() ->
            case io:get_line(\"\") of
                eof -> halt(0);
                Line ->
                    io:format(\"{VALUE}~0p~n\", [try
                        {{ok, Tokens, _}} = erl_scan:string(Line),
                        {{ok, Expressions}} = erl_parse:parse_exprs(Tokens),
                        {{value, Value, _}} = erl_eval:exprs(Expressions, [{{'Node', '{node}'}}]),
                        Value
                    catch Class:Reason -> {{Class, Reason}} end]),
                    Loop()
            end
        end, Loop()."
    )
}

const VALUE: &str = "value: ";
