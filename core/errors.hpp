// What the engine throws; the bindings map each to a Python exception.
#pragma once

#include <stdexcept>
#include <string>

namespace gatecast {

// A setting is impossible.
struct ConfigError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

// The loss is no longer a number.
struct Diverged : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace gatecast
