// Arrays in, arrays out, the GIL released, errors mapped. No maths here.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <array>
#include <limits>
#include <numeric>
#include <utility>

#include "dispatch.hpp"
#include "errors.hpp"
#include "forecast.hpp"
#include "hybrid.hpp"
#include "smoothing.hpp"
#include "tile.hpp"
#include "trace.hpp"
#include "train.hpp"
#include "workers.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using namespace gatecast;

namespace {

template <class T, class... Shape>
using In = nb::ndarray<const T, nb::numpy, nb::device::cpu, nb::c_contig, Shape...>;
template <class T>
using Out = nb::ndarray<nb::numpy, T>;

// A NumPy array that owns its memory.
template <class T>
std::pair<Out<T>, T*> new_array(std::initializer_list<std::size_t> shape) {
  std::size_t size = 1;
  for (std::size_t n : shape) size *= n;
  T* data = new T[std::max<std::size_t>(size, 1)]();
  nb::capsule owner(data, [](void* p) noexcept { delete[] static_cast<T*>(p); });
  return {Out<T>(data, shape, owner), data};
}

template <class E, std::size_t N>
E choose(const char* what, const std::string& name,
         const std::array<std::pair<const char*, E>, N>& all) {
  std::string names;
  for (const auto& [known, value] : all) {
    if (name == known) return value;
    names += (names.empty() ? "" : ", ") + std::string(known);
  }
  throw ConfigError(std::string(what) + " must be one of: " + names + ". Got: " + name + ".");
}

void require(bool condition, const char* message) {
  if (!condition) throw ConfigError(message);
}

int threads_or_default(int threads) { return threads > 0 ? threads : default_threads(); }

// Calls back into Python from the engine, which never sees a Python exception: the first one ends
// the work and waits here.
class Caller {
 public:
  // False once something was raised, or when f() is.
  template <class F>
  bool operator()(F f) {
    nb::gil_scoped_acquire gil;
    try {
      return f();
    } catch (nb::python_error& e) {
      error_ = nb::borrow(e.value());
      return false;
    }
  }
  // Ctrl-C and other signals.
  Interrupt interrupt() {
    return Interrupt([this] {
      return (*this)([] {
        if (PyErr_CheckSignals() != 0) nb::raise_python_error();
        return true;
      });
    });
  }
  // Once the engine has handed over what it has; with the GIL held.
  nb::object error() const { return error_; }
  void raise() const {
    if (error_.is_none()) return;
    PyErr_SetObject((PyObject*)Py_TYPE(error_.ptr()), error_.ptr());
    nb::raise_python_error();
  }

 private:
  nb::object error_ = nb::none();
};

struct FitResult {
  Out<float> parameters;
  TrainingResult training;
  std::int64_t windows = 0, validation_windows = 0;
  // What ended the fit early: an exception of the callback, or KeyboardInterrupt.
  nb::object error = nb::none();
};

FitResult fit(const Network& network, In<float, nb::ndim<1>> parameters, const Loss& loss,
              WindowSource& windows, WindowSource* validation, Training training,
              nb::object callback) {
  require(parameters.size() == network.size, "The parameters do not fit the network.");
  require(windows.size() > 0, "There is no window to train on.");
  require(windows.inputs() == network.inputs, "The windows' inputs do not fit the network.");
  const int T = windows.time_steps();
  require(windows.targets(T) * loss.outputs_per_target() == network.outputs_at(T),
          "The horizon and the loss do not fit the network's outputs.");
  training.threads = threads_or_default(training.threads);
  auto [array, trained] = new_array<float>({network.size});
  std::copy(parameters.data(), parameters.data() + network.size, trained);
  FitResult result;
  if (validation && validation->size() == 0) validation = nullptr;
  Caller caller;
  const EpochEnded epoch_ended = [&](const EpochReport& r) {
    if (callback.is_none()) return true;
    return caller([&] {
      return callback(r.epoch, r.loss, r.validation_loss, r.best_epoch).ptr() != Py_False;
    });
  };
  {
    nb::gil_scoped_release release;
    Interrupt interrupt = caller.interrupt();
    result.training =
        train(network, loss, windows, validation, training, trained, epoch_ended, interrupt);
  }
  result.parameters = array;
  result.windows = windows.size();
  result.validation_windows = validation ? validation->size() : 0;
  result.error = caller.error();
  return result;
}

struct Gradients {
  double loss;
  Out<float> outputs, gradients, inputs;
};

ArrayWindows array_windows(const Network& network, const In<float, nb::ndim<3>>& x,
                           const In<float, nb::ndim<2>>& y,
                           const std::optional<In<float, nb::ndim<2>>>& weights,
                           const std::optional<In<int, nb::ndim<1>>>& starts,
                           float* input_gradient = nullptr) {
  require(x.shape(0) == y.shape(0), "x and y differ in their number of windows.");
  require(!weights || (weights->shape(0) == y.shape(0) && weights->shape(1) == y.shape(1)),
          "weights must have y's shape.");
  require(!starts || starts->shape(0) == x.shape(0), "starts needs one value a window.");
  // The head reads no state from before the sequence.
  const int latest = int(x.shape(1)) - std::max(network.head_steps, 1);
  require(latest >= 0, "x has fewer steps than the network's head reads.");
  if (starts)
    for (std::size_t n = 0; n < starts->shape(0); ++n)
      require(starts->data()[n] >= 0 && starts->data()[n] <= latest,
              "starts must lie within the window, and not after a step that the head reads.");
  return {std::int64_t(x.shape(0)),
          int(x.shape(1)),
          int(x.shape(2)),
          int(y.shape(1)),
          x.data(),
          y.data(),
          weights ? weights->data() : nullptr,
          starts ? starts->data() : nullptr,
          input_gradient};
}

void check_indptr(const In<double, nb::ndim<1>>& values,
                  const In<std::int64_t, nb::ndim<1>>& indptr) {
  require(indptr.size() >= 1 && indptr.data()[0] == 0 &&
              indptr.data()[indptr.size() - 1] == std::int64_t(values.size()),
          "indptr does not fit the values.");
  for (std::size_t s = 0; s + 1 < indptr.size(); ++s)
    require(indptr.data()[s] <= indptr.data()[s + 1], "indptr must not decrease.");
}

// Covariates and the arrays that they lie in.
struct CovariateArrays {
  In<float, nb::ndim<2>> past, future, constant;
  In<std::int64_t, nb::ndim<1>> future_begin;
  std::optional<In<double, nb::ndim<1>>> spread;

  Covariates view() const {
    return {past.data(),
            future.data(),
            future_begin.data(),
            constant.data(),
            spread ? spread->data() : nullptr,
            int(past.shape(1)),
            int(future.shape(1)),
            int(constant.shape(1))};
  }
  // Raises unless they reach as far as series of `lengths` values, and `ahead` steps further.
  template <class Length>
  void check(std::size_t values, std::size_t n_series, std::int64_t ahead, Length length) const {
    require(past.shape(1) == 0 || past.shape(0) == values, "past needs a row for each value.");
    require(constant.shape(0) == n_series && future_begin.size() == n_series &&
                (!spread || spread->size() == n_series),
            "Covariates need one entry a series.");
    for (std::size_t s = 0; future.shape(1) > 0 && s < n_series; ++s)
      require(future_begin.data()[s] >= 0 &&
                  future_begin.data()[s] <= std::int64_t(future.shape(0)) - length(s) - ahead,
              "future does not reach as far as the series or their horizon.");
  }
};

Origins origins_of(const In<double, nb::ndim<1>>& values,
                   const In<std::int64_t, nb::ndim<1>>& begin,
                   const In<std::int64_t, nb::ndim<1>>& end, const CovariateArrays* covariates,
                   std::int64_t ahead) {
  require(begin.size() == end.size(), "begin and end differ in length.");
  for (std::size_t n = 0; n < begin.size(); ++n)
    require(0 <= begin.data()[n] && begin.data()[n] < end.data()[n] &&
                end.data()[n] <= std::int64_t(values.size()),
            "An origin needs at least one value before it.");
  Origins origins{values.data(), begin.data(), end.data(), std::int64_t(begin.size()), {}};
  if (covariates) {
    covariates->check(values.size(), begin.size(), ahead,
                      [&](std::size_t n) { return end.data()[n] - begin.data()[n]; });
    origins.covariates = covariates->view();
  }
  return origins;
}

void check_inputs(const Network& network, const Windowing& windowing,
                  const Covariates& covariates) {
  require(network.inputs == WindowReader(windowing, covariates, true).inputs(),
          "The network's inputs do not fit the windows'.");
  require(network.head_steps == windowing.head_steps(),
          "The network's head does not fit the windows'.");
}

template <class T>
Out<T> array_of(const std::vector<T>& from, std::initializer_list<std::size_t> shape) {
  auto [array, data] = new_array<T>(shape);
  std::copy(from.begin(), from.end(), data);
  return array;
}

// Series and their own parameters, checked, for the hybrid.
HybridSeries hybrid_series(const Network& network, const Hybrid& hybrid,
                           const In<double, nb::ndim<1>>& values,
                           const In<std::int64_t, nb::ndim<1>>& indptr,
                           const In<double, nb::ndim<1>>& weight,
                           const In<double, nb::ndim<2>>& series_parameters,
                           const CovariateArrays* features) {
  check_indptr(values, indptr);
  const std::size_t n = indptr.size() - 1;
  require(weight.size() == n && series_parameters.shape(0) == n &&
              series_parameters.shape(1) == std::size_t(hybrid.parameters()),
          "Weights or parameters do not fit the series.");
  HybridSeries series{values.data(), indptr.data(), std::int64_t(n), weight.data(), {}};
  if (features) {
    features->check(values.size(), n, 0,
                    [&](std::size_t s) { return indptr.data()[s + 1] - indptr.data()[s]; });
    series.features = features->view();
  }
  require(network.head_steps == Network::kEveryStep && network.head_outputs() % hybrid.horizon == 0,
          "The network's head does not fit the horizon.");
  require(
      network.inputs == hybrid.context_length + series.features.n_future + series.features.n_static,
      "The network's inputs do not fit the series.");
  return series;
}

// What a network does with one series, whose outputs are [h][Q]: the step at which it begins, what
// it reads, its layers, its outputs, and their slopes; see trace.hpp.
template <class Run>
nb::tuple traced(const Network& network, const In<float, nb::ndim<1>>& parameters, int h, int Q,
                 const std::vector<int>& wanted, Run run) {
  require(parameters.size() == network.size, "The parameters do not fit the network.");
  for (int o : wanted) require(0 <= o && o < h * Q, "There is no such output.");
  Trace trace;
  Caller caller;
  {
    nb::gil_scoped_release release;
    Interrupt interrupt = caller.interrupt();
    trace = run(interrupt);
  }
  caller.raise();
  const std::size_t I = std::size_t(network.inputs), T = trace.x.size() / I;
  nb::list layers;
  for (std::size_t l = 0; l < trace.layers.size(); ++l) {
    const LayerTrace& one = trace.layers[l];
    const std::size_t H = std::size_t(network.layers[l].units);
    nb::dict parts;
    for (const auto& [name, part] : {std::pair{"input", &one.input},
                                     {"forget", &one.forget},
                                     {"candidate", &one.candidate},
                                     {"output", &one.output},
                                     {"cell", &one.cell},
                                     {"hidden", &one.hidden}})
      parts[name] = array_of(*part, {T, H});
    layers.append(parts);
  }
  return nb::make_tuple(trace.start, array_of(trace.x, {T, I}), layers,
                        array_of(trace.outputs, {std::size_t(h), std::size_t(Q)}),
                        array_of(trace.slopes, {wanted.size(), std::size_t(trace.length)}),
                        array_of(trace.by_spread, {wanted.size()}));
}

nb::tuple trace_arrays(const Network& network, const In<float, nb::ndim<1>>& parameters,
                       const Windowing& windowing, const In<double, nb::ndim<1>>& values,
                       const std::vector<int>& wanted, const CovariateArrays* covariates) {
  const std::int64_t begin = 0, end = std::int64_t(values.size());
  require(end > 0, "A trace needs at least one value.");
  Origins origins{values.data(), &begin, &end, 1, {}};
  if (covariates) {
    covariates->check(values.size(), 1, windowing.reads_on ? windowing.horizon : 0,
                      [&](std::size_t) { return end; });
    origins.covariates = covariates->view();
  }
  check_inputs(network, windowing, origins.covariates);
  const int steps = windowing.output_steps();
  require(network.outputs % steps == 0, "The horizon does not fit the network.");
  return traced(network, parameters, windowing.horizon, network.outputs / steps, wanted,
                [&](Interrupt& interrupt) {
                  return trace(network, parameters.data(), windowing, origins, wanted, interrupt);
                });
}

nb::tuple trace_hybrid_arrays(const Network& network, const In<float, nb::ndim<1>>& parameters,
                              const Hybrid& hybrid, const In<double, nb::ndim<1>>& values,
                              const In<std::int64_t, nb::ndim<1>>& indptr,
                              const In<double, nb::ndim<2>>& series_parameters,
                              const std::vector<int>& wanted, const CovariateArrays* features) {
  require(indptr.size() == 2 && values.size() > 0, "A trace is of one series, with a value.");
  auto [weight, w] = new_array<double>({1});
  const HybridSeries series =
      hybrid_series(network, hybrid, values, indptr, In<double, nb::ndim<1>>(weight),
                    series_parameters, features);
  return traced(network, parameters, hybrid.horizon, network.head_outputs() / hybrid.horizon,
                wanted, [&](Interrupt& interrupt) {
                  return trace_hybrid(network, parameters.data(), hybrid, series,
                                      series_parameters.data(), wanted, interrupt);
                });
}

std::pair<Out<double>, double*> copy_of(const In<double, nb::ndim<2>>& array) {
  auto copy = new_array<double>({array.shape(0), array.shape(1)});
  std::copy(array.data(), array.data() + array.size(), copy.second);
  return copy;
}

// A coefficient a column.
static_assert(sizeof(SmoothingCoefficients) == 4 * sizeof(double));
const SmoothingCoefficients* coefficients_in(const In<double, nb::ndim<2>>& array) {
  require(array.shape(1) == 4, "coefficients need alpha, beta, gamma and phi.");
  return reinterpret_cast<const SmoothingCoefficients*>(array.data());
}

nb::tuple fit_smoothing_arrays(const SmoothingForm& form, const In<double, nb::ndim<1>>& values,
                               const In<std::int64_t, nb::ndim<1>>& indptr, int iterations,
                               int threads) {
  check_indptr(values, indptr);
  require(iterations >= 1, "iterations must be positive.");
  const std::size_t n = indptr.size() - 1;
  auto [coefficients, c] = new_array<double>({n, 4});
  auto [states, s] = new_array<double>({n, std::size_t(form.states())});
  auto [rmse, r] = new_array<double>({n});
  auto [observed, o] = new_array<std::int64_t>({n});
  auto [status, u] = new_array<std::uint8_t>({n});
  Caller caller;
  {
    nb::gil_scoped_release release;
    Interrupt interrupt = caller.interrupt();
    fit_smoothing(form, {values.data(), indptr.data(), std::int64_t(n)}, iterations,
                  threads_or_default(threads), interrupt,
                  {reinterpret_cast<SmoothingCoefficients*>(c), s, r, o,
                   reinterpret_cast<SmoothingStatus*>(u)});
  }
  caller.raise();
  return nb::make_tuple(coefficients, states, rmse, observed, status);
}

nb::tuple run_smoothing_arrays(const SmoothingForm& form, const In<double, nb::ndim<1>>& values,
                               const In<std::int64_t, nb::ndim<1>>& indptr,
                               const In<double, nb::ndim<2>>& coefficients,
                               const In<double, nb::ndim<2>>& initial_states, int threads) {
  check_indptr(values, indptr);
  const std::size_t n = indptr.size() - 1, n_states = std::size_t(form.states());
  require(coefficients.shape(0) == n && initial_states.shape(0) == n &&
              initial_states.shape(1) == n_states,
          "Coefficients and initial states do not fit the series or the form.");
  auto [states, s] = new_array<double>({n, n_states});
  auto [errors, e] = new_array<double>({values.size()});
  auto [status, u] = new_array<std::uint8_t>({n});
  Caller caller;
  {
    nb::gil_scoped_release release;
    Interrupt interrupt = caller.interrupt();
    run_smoothing(form, {values.data(), indptr.data(), std::int64_t(n)},
                  coefficients_in(coefficients), initial_states.data(), threads_or_default(threads),
                  interrupt, s, e, reinterpret_cast<SmoothingStatus*>(u));
  }
  caller.raise();
  return nb::make_tuple(states, errors, status);
}

nb::tuple smoothing_loss_arrays(const SmoothingForm& form, const In<double, nb::ndim<1>>& values,
                                const In<double, nb::ndim<1>>& coefficients,
                                const In<double, nb::ndim<1>>& initial_state) {
  require(coefficients.size() == 4 && initial_state.size() == std::size_t(form.states()),
          "Coefficients and initial state do not fit the form.");
  auto [gradient, g] = new_array<double>({4 + initial_state.size()});
  const double* const c = coefficients.data();
  const double sum = smoothing_loss(form, values.data(), std::int64_t(values.size()),
                                    {c[0], c[1], c[2], c[3]}, initial_state.data(), g);
  return nb::make_tuple(sum, gradient);
}

}  // namespace

NB_MODULE(_core, m) {
  m.doc() = "The gatecast engine.";
  // What a user still holds when the interpreter ends is no fault of theirs.
  nb::set_leak_warnings(false);
  nb::register_exception_translator(
      [](const std::exception_ptr& p, void*) {
        const auto raise = [](const char* name, const char* what) {
          nb::object type = nb::module_::import_("gatecast.errors").attr(name);
          PyErr_SetString(type.ptr(), what);
        };
        try {
          std::rethrow_exception(p);
        } catch (const ConfigError& e) {
          raise("ConfigError", e.what());
        } catch (const Diverged& e) {
          raise("ConfigError",
                (std::string(e.what()) +
                 " Lower learning_rate, set clip_norm=1, or let scaling bring the values near 1.")
                    .c_str());
        }
      },
      nullptr);

  m.def("isa", [] { return kernels().name; }, "The instruction set in use.");
  m.def("bfloat16_by", [] { return kernels().bfloat16_by; }, "What multiplies bfloat16 there.");
  m.def("available_isas", &available_isas, "Those that this machine runs, best first.");
  m.def("set_isa", &set_isa, "name"_a, "Force one for this process; '' returns to the default.");
  m.def("default_threads", &default_threads);

  nb::class_<Network>(m, "Network")
      .def(
          "__init__",
          [](Network* self, int inputs, const std::vector<int>& hidden, int outputs, float dropout,
             const std::string& precision, int head_steps,
             const std::vector<std::vector<int>>& dilations) {
            const Precision p =
                precision == "auto"
                    ? best_precision(hidden)
                    : choose("precision", precision,
                             std::array{std::pair{"float32", Precision::kFloat32},
                                        std::pair{"bfloat16", Precision::kBfloat16}});
            new (self) Network(inputs, hidden, outputs, dropout, p, head_steps, dilations);
          },
          "input_size"_a, "hidden_size"_a, "output_size"_a, "dropout"_a = 0.0f,
          "precision"_a = "float32", "head_steps"_a = 1,
          "dilations"_a = std::vector<std::vector<int>>{})
      .def_ro("n_parameters", &Network::size)
      .def_prop_ro("precision",
                   [](const Network& network) {
                     return network.precision == Precision::kFloat32 ? "float32" : "bfloat16";
                   })
      .def("layout", [](const Network& network) {
        nb::list all;
        for (const Parameter& p : network.parameters())
          all.append(nb::make_tuple(
              p.name, p.columns ? nb::make_tuple(p.rows, p.columns) : nb::make_tuple(p.rows),
              p.offset));
        return all;
      });

  nb::class_<Loss>(m, "Loss").def(
      "__init__",
      [](Loss* self, const std::string& kind, std::vector<float> quantiles, float delta) {
        using K = Loss::Kind;
        const K k =
            choose("loss", kind,
                   std::array{std::pair{"mse", K::kMse}, std::pair{"mae", K::kMae},
                              std::pair{"huber", K::kHuber}, std::pair{"pinball", K::kPinball}});
        require(k != K::kPinball || !quantiles.empty(), "The pinball loss needs quantiles.");
        new (self) Loss{k, std::move(quantiles), delta};
      },
      "kind"_a, "quantiles"_a = std::vector<float>{}, "delta"_a = 1.0f);

  nb::class_<Training>(m, "Training")
      .def(
          "__init__",
          [](Training* self, int epochs, int batch_size, float learning_rate, float weight_decay,
             const std::string& optimizer, float clip_norm, int patience, std::uint64_t seed,
             bool shuffle, int threads, const std::string& schedule, float weight_averaging,
             const std::string& balance, bool frozen) {
            using O = Training::Optimizer;
            using S = Training::Schedule;
            require(epochs >= 0 && batch_size >= 1, "epochs and batch_size must be positive.");
            require(weight_averaging >= 0 && weight_averaging < 1,
                    "weight_averaging must be from 0 to below 1.");
            const O o =
                choose("optimizer", optimizer,
                       std::array{std::pair{"adam", O::kAdam}, std::pair{"rmsprop", O::kRmsprop}});
            new (self)
                Training{epochs,
                         batch_size,
                         learning_rate,
                         weight_decay,
                         o,
                         clip_norm,
                         patience,
                         seed,
                         shuffle,
                         threads,
                         choose("schedule", schedule,
                                std::array{std::pair{"constant", S::kConstant},
                                           std::pair{"cosine", S::kCosine}}),
                         weight_averaging,
                         choose("balance", balance,
                                std::array{std::pair{"windows", false}, std::pair{"series", true}}),
                         frozen};
          },
          nb::kw_only(), "epochs"_a, "batch_size"_a, "learning_rate"_a = 1e-3f,
          "weight_decay"_a = 0.0f, "optimizer"_a = "adam", "clip_norm"_a = 0.0f, "patience"_a = 0,
          "seed"_a = 0, "shuffle"_a = true, "threads"_a = 0, "schedule"_a = "constant",
          "weight_averaging"_a = 0.0f, "balance"_a = "windows", "frozen"_a = false);

  nb::class_<Windowing>(m, "Windowing")
      .def(
          "__init__",
          [](Windowing* self, int context_length, int horizon, const std::string& scaling,
             const std::string& anchor, int season_length, bool mask, bool reads_on,
             int patch_size) {
            using S = Scaling;
            using A = Anchor;
            require(context_length >= 1 && horizon >= 1 && season_length >= 1 && patch_size >= 1,
                    "context_length, horizon, season_length and patch_size must be positive.");
            new (self) Windowing{
                context_length,
                horizon,
                choose("scaling", scaling,
                       std::array{std::pair{"none", S::kNone}, std::pair{"standard", S::kStandard},
                                  std::pair{"meanabs", S::kMeanAbs}, std::pair{"level", S::kLevel},
                                  std::pair{"first", S::kFirst}, std::pair{"series", S::kSeries}}),
                choose("anchor", anchor,
                       std::array{std::pair{"none", A::kNone}, std::pair{"last", A::kLast},
                                  std::pair{"season", A::kSeason}}),
                season_length,
                mask,
                reads_on,
                patch_size};
          },
          nb::kw_only(), "context_length"_a, "horizon"_a, "scaling"_a, "anchor"_a,
          "season_length"_a = 1, "mask"_a = false, "reads_on"_a = false, "patch_size"_a = 1);

  nb::class_<CovariateArrays>(m, "Covariates")
      .def(
          "__init__",
          [](CovariateArrays* self, In<float, nb::ndim<2>> past, In<float, nb::ndim<2>> future,
             In<std::int64_t, nb::ndim<1>> future_begin, In<float, nb::ndim<2>> constant,
             std::optional<In<double, nb::ndim<1>>> spread) {
            new (self) CovariateArrays{past, future, constant, future_begin, spread};
          },
          nb::kw_only(), "past"_a, "future"_a, "future_begin"_a, "constant"_a,
          "spread"_a = nb::none());

  nb::class_<FitResult>(m, "FitResult")
      .def_prop_ro(
          "parameters", [](const FitResult& r) { return r.parameters; }, nb::rv_policy::automatic)
      .def_prop_ro("loss", [](const FitResult& r) { return r.training.loss; })
      .def_prop_ro("validation_loss", [](const FitResult& r) { return r.training.validation_loss; })
      .def_prop_ro("best_epoch", [](const FitResult& r) { return r.training.best_epoch; })
      .def_prop_ro("cancelled", [](const FitResult& r) { return r.training.cancelled; })
      .def_ro("windows", &FitResult::windows)
      .def_ro("validation_windows", &FitResult::validation_windows)
      .def_ro("error", &FitResult::error);

  nb::class_<Gradients>(m, "Gradients")
      .def_ro("loss", &Gradients::loss)
      .def_prop_ro(
          "outputs", [](const Gradients& g) { return g.outputs; }, nb::rv_policy::automatic)
      .def_prop_ro(
          "gradients", [](const Gradients& g) { return g.gradients; }, nb::rv_policy::automatic)
      .def_prop_ro("inputs", [](const Gradients& g) { return g.inputs; }, nb::rv_policy::automatic);

  m.def(
      "initialise",
      [](const Network& network, std::uint64_t seed, float head_scale) {
        auto [array, data] = new_array<float>({network.size});
        {
          nb::gil_scoped_release release;
          initialise(network, seed, head_scale, data);
        }
        return array;
      },
      "network"_a, "seed"_a, "head_scale"_a = 1.0f);

  m.def(
      "fit",
      [](const Network& network, In<float, nb::ndim<1>> parameters, const Loss& loss,
         const Windowing& windowing, In<double, nb::ndim<1>> values,
         In<std::int64_t, nb::ndim<1>> indptr, double validation_fraction, const Training& training,
         nb::object callback, const CovariateArrays* covariates,
         std::optional<std::int64_t> windows_per_series) {
        check_indptr(values, indptr);
        const std::int64_t* const bounds = indptr.data();
        const std::size_t n_series = indptr.size() - 1;
        Covariates known;
        if (covariates) {
          covariates->check(values.size(), n_series, 0,
                            [&](std::size_t s) { return bounds[s + 1] - bounds[s]; });
          known = covariates->view();
        }
        check_inputs(network, windowing, known);
        require(!windows_per_series || *windows_per_series >= 1,
                "windows_per_series must be positive.");
        WindowSplit split =
            split_by_time(bounds, std::int64_t(n_series), windowing.context_length,
                          windowing.horizon, validation_fraction,
                          windows_per_series.value_or(std::numeric_limits<std::int64_t>::max()));
        // Training takes as many windows of each series instead: great weights would be too much
        // for a single step.
        if (training.balance) split.validation.weigh_series_alike();
        SeriesWindows windows(values.data(), bounds, windowing, split.training, known);
        SeriesWindows validation(values.data(), bounds, windowing, split.validation, known);
        return fit(network, parameters, loss, windows, &validation, training, std::move(callback));
      },
      "network"_a, "parameters"_a, "loss"_a, "windowing"_a, "values"_a, "indptr"_a, nb::kw_only(),
      "validation_fraction"_a, "training"_a, "callback"_a = nb::none(), "covariates"_a = nb::none(),
      "windows_per_series"_a = nb::none());

  m.def(
      "fit_arrays",
      [](const Network& network, In<float, nb::ndim<1>> parameters, In<float, nb::ndim<3>> x,
         In<float, nb::ndim<2>> y, const Loss& loss, const Training& training,
         std::optional<In<float, nb::ndim<2>>> weights,
         std::optional<In<int, nb::ndim<1>>> starts) {
        ArrayWindows windows = array_windows(network, x, y, weights, starts);
        return fit(network, parameters, loss, windows, nullptr, training, nb::none());
      },
      "network"_a, "parameters"_a, "x"_a, "y"_a, "loss"_a, "training"_a, nb::kw_only(),
      "weights"_a = nb::none(), "starts"_a = nb::none());

  m.def(
      "gradients",
      [](const Network& network, In<float, nb::ndim<1>> parameters, In<float, nb::ndim<3>> x,
         In<float, nb::ndim<2>> y, const Loss& loss, std::optional<In<float, nb::ndim<2>>> weights,
         std::optional<In<int, nb::ndim<1>>> starts, int threads, std::uint64_t dropout_seed) {
        auto [inputs, i] = new_array<float>({x.shape(0), x.shape(1), x.shape(2)});
        ArrayWindows windows = array_windows(network, x, y, weights, starts, i);
        const int O = network.outputs_at(int(x.shape(1)));
        require(parameters.size() == network.size, "The parameters do not fit the network.");
        require(windows.size() > 0 && windows.inputs() == network.inputs &&
                    windows.horizon() * loss.outputs_per_target() == O,
                "x and y do not fit the network.");
        auto [outputs, o] = new_array<float>({x.shape(0), std::size_t(O)});
        auto [gradients, g] = new_array<float>({network.size});
        double value, weight = double(y.size());
        if (weights) weight = std::accumulate(weights->data(), weights->data() + y.size(), 0.0);
        {
          nb::gil_scoped_release release;
          value = loss_and_gradient(network, loss, windows, threads_or_default(threads),
                                    dropout_seed, parameters.data(), o, g);
          for (std::size_t j = 0; weight > 0 && j < inputs.size(); ++j) i[j] = float(i[j] / weight);
        }
        return Gradients{value, outputs, gradients, inputs};
      },
      "network"_a, "parameters"_a, "x"_a, "y"_a, "loss"_a, nb::kw_only(), "weights"_a = nb::none(),
      "starts"_a = nb::none(), "threads"_a = 0, "dropout_seed"_a = 0);

  m.def(
      "dropout_mask",
      [](std::uint64_t seed, std::uint32_t step, int layer, std::size_t N, std::size_t T,
         std::size_t H, float p) {
        auto [array, data] = new_array<float>({N, T, H});
        const Dropout::Mask mask({seed, step}, layer, int(T), int(H), p);
        float* next = data;
        for (std::size_t n = 0; n < N; ++n)
          for (std::size_t t = 0; t < T; ++t)
            for (std::size_t u = 0; u < H; ++u) *next++ = mask(std::uint32_t(n), int(t), int(u));
        return array;
      },
      "seed"_a, "step"_a, "layer"_a, "N"_a, "T"_a, "H"_a, "p"_a,
      "What multiplies the outputs of layer `layer` in training step `step`, counted from 0.");

  m.def(
      "forecast",
      [](const Network& network, In<float, nb::ndim<1>> parameters, const Windowing& windowing,
         In<double, nb::ndim<1>> values, In<std::int64_t, nb::ndim<1>> begin,
         In<std::int64_t, nb::ndim<1>> end, int threads, const CovariateArrays* covariates) {
        const Origins origins =
            origins_of(values, begin, end, covariates, windowing.reads_on ? windowing.horizon : 0);
        check_inputs(network, windowing, origins.covariates);
        const int steps = windowing.output_steps();
        require(parameters.size() == network.size && network.outputs % steps == 0,
                "The parameters or the horizon do not fit the network.");
        auto [array, out] = new_array<double>(
            {begin.size(), std::size_t(windowing.horizon), std::size_t(network.outputs / steps)});
        Caller caller;
        {
          nb::gil_scoped_release release;
          Interrupt interrupt = caller.interrupt();
          forecast(network, parameters.data(), windowing, origins, threads_or_default(threads),
                   interrupt, out);
        }
        caller.raise();
        return array;
      },
      "network"_a, "parameters"_a, "windowing"_a, "values"_a, "begin"_a, "end"_a, nb::kw_only(),
      "threads"_a = 0, "covariates"_a = nb::none());

  m.def(
      "forecast_recursive",
      [](const Network& network, In<float, nb::ndim<1>> parameters, const Windowing& windowing,
         In<double, nb::ndim<1>> values, In<std::int64_t, nb::ndim<1>> begin,
         In<std::int64_t, nb::ndim<1>> end, int steps, int threads,
         const CovariateArrays* covariates) {
        const Origins origins = origins_of(values, begin, end, covariates, steps);
        check_inputs(network, windowing, origins.covariates);
        require(parameters.size() == network.size && windowing.horizon == 1 &&
                    network.outputs == windowing.output_steps() && steps >= 0 &&
                    origins.covariates.n_past == 0,
                "A recursive forecast needs a network with one output that reads no covariates "
                "known only up to the end.");
        auto [array, out] = new_array<double>({begin.size(), std::size_t(steps)});
        Caller caller;
        {
          nb::gil_scoped_release release;
          Interrupt interrupt = caller.interrupt();
          forecast_recursive(network, parameters.data(), windowing, origins, steps,
                             threads_or_default(threads), interrupt, out);
        }
        caller.raise();
        return array;
      },
      "network"_a, "parameters"_a, "windowing"_a, "values"_a, "begin"_a, "end"_a, nb::kw_only(),
      "steps"_a, "threads"_a = 0, "covariates"_a = nb::none());

  m.def("trace", trace_arrays, "network"_a, "parameters"_a, "windowing"_a, "values"_a,
        nb::kw_only(), "wanted"_a, "covariates"_a = nb::none(),
        "What the network does over the context at the end of one series.");

  nb::class_<Hybrid>(m, "Hybrid")
      .def(
          "__init__",
          [](Hybrid* self, std::vector<int> seasons, int context_length, int horizon, int positions,
             double level_penalty, double learning_rate, double shared_rate, bool random_start) {
            require(context_length >= 1 && horizon >= 1 && positions >= 1,
                    "context_length, horizon and positions must be positive.");
            for (int m : seasons) require(m > 1, "A season must have more than one step.");
            new (self) Hybrid{std::move(seasons), context_length, horizon,     positions,
                              level_penalty,      learning_rate,  shared_rate, random_start};
          },
          nb::kw_only(), "seasons"_a, "context_length"_a, "horizon"_a, "positions"_a = 1000,
          "level_penalty"_a = 0.0, "learning_rate"_a = 0.0, "shared_rate"_a = 0.0,
          "random_start"_a = false)
      .def_prop_ro("n_parameters", &Hybrid::parameters);

  m.def(
      "fit_hybrid",
      [](const Network& network, In<float, nb::ndim<1>> parameters, const Loss& loss,
         const Hybrid& hybrid, In<double, nb::ndim<1>> values, In<std::int64_t, nb::ndim<1>> indptr,
         In<double, nb::ndim<1>> weight, In<double, nb::ndim<2>> series_parameters,
         const Training& training, nb::object callback, const CovariateArrays* features) {
        const HybridSeries series =
            hybrid_series(network, hybrid, values, indptr, weight, series_parameters, features);
        auto [own, p] = copy_of(series_parameters);
        HybridWindows windows(hybrid, series, p, false);
        return nb::make_tuple(
            fit(network, parameters, loss, windows, nullptr, training, std::move(callback)), own);
      },
      "network"_a, "parameters"_a, "loss"_a, "hybrid"_a, "values"_a, "indptr"_a, "weight"_a,
      "series_parameters"_a, nb::kw_only(), "training"_a, "callback"_a = nb::none(),
      "features"_a = nb::none(), "What became of the network, and the series' own parameters.");

  m.def(
      "hybrid_gradients",
      [](const Network& network, In<float, nb::ndim<1>> parameters, const Loss& loss,
         const Hybrid& hybrid, In<double, nb::ndim<1>> values, In<std::int64_t, nb::ndim<1>> indptr,
         In<double, nb::ndim<1>> weight, In<double, nb::ndim<2>> series_parameters,
         const CovariateArrays* features, int threads) {
        const HybridSeries series =
            hybrid_series(network, hybrid, values, indptr, weight, series_parameters, features);
        auto [own, p] = copy_of(series_parameters);
        auto [series_gradient, sg] = new_array<double>({own.shape(0), own.shape(1)});
        HybridWindows windows(hybrid, series, p, false, sg);
        require(parameters.size() == network.size, "The parameters do not fit the network.");
        require(windows.size() > 0, "There is no window to train on.");
        require(hybrid.horizon * loss.outputs_per_target() == network.head_outputs(),
                "The horizon and the loss do not fit the network's outputs.");
        auto [gradient, g] = new_array<float>({network.size});
        double value;
        {
          nb::gil_scoped_release release;
          value = loss_and_gradient(network, loss, windows, threads_or_default(threads), 0,
                                    parameters.data(), nullptr, g);
        }
        return nb::make_tuple(value, gradient, series_gradient);
      },
      "network"_a, "parameters"_a, "loss"_a, "hybrid"_a, "values"_a, "indptr"_a, "weight"_a,
      "series_parameters"_a, nb::kw_only(), "features"_a = nb::none(), "threads"_a = 0,
      "The mean loss and its gradient by the network's parameters; and by each series' own, that "
      "of its mean loss and level penalty.");

  m.def(
      "forecast_hybrid",
      [](const Network& network, In<float, nb::ndim<1>> parameters, const Hybrid& hybrid,
         In<double, nb::ndim<1>> values, In<std::int64_t, nb::ndim<1>> indptr,
         In<double, nb::ndim<2>> series_parameters, const CovariateArrays* features, int threads) {
        check_indptr(values, indptr);
        const std::size_t n = indptr.size() - 1, h = hybrid.horizon;
        auto [weight, w] = new_array<double>({n});
        const HybridSeries series =
            hybrid_series(network, hybrid, values, indptr, In<double, nb::ndim<1>>(weight),
                          series_parameters, features);
        require(parameters.size() == network.size, "The parameters do not fit the network.");
        for (std::size_t s = 0; s < n; ++s)
          require(indptr.data()[s] < indptr.data()[s + 1], "A series needs at least one value.");
        auto [array, out] = new_array<double>({n, h, std::size_t(network.head_outputs()) / h});
        Caller caller;
        {
          nb::gil_scoped_release release;
          Interrupt interrupt = caller.interrupt();
          forecast_hybrid(network, parameters.data(), hybrid, series, series_parameters.data(),
                          threads_or_default(threads), interrupt, out);
        }
        caller.raise();
        return array;
      },
      "network"_a, "parameters"_a, "hybrid"_a, "values"_a, "indptr"_a, "series_parameters"_a,
      nb::kw_only(), "features"_a = nb::none(), "threads"_a = 0);

  m.def("trace_hybrid", trace_hybrid_arrays, "network"_a, "parameters"_a, "hybrid"_a, "values"_a,
        "indptr"_a, "series_parameters"_a, nb::kw_only(), "wanted"_a, "features"_a = nb::none(),
        "What the network does over the positions of one series.");

  m.def(
      "smooth",
      [](const Hybrid& hybrid, In<double, nb::ndim<1>> values, In<std::int64_t, nb::ndim<1>> indptr,
         In<double, nb::ndim<2>> series_parameters) {
        check_indptr(values, indptr);
        const std::size_t n = indptr.size() - 1, n_seasons = hybrid.seasons.size();
        require(series_parameters.shape(0) == n &&
                    series_parameters.shape(1) == std::size_t(hybrid.parameters()),
                "The parameters do not fit the series.");
        auto [level, l] = new_array<double>({values.size()});
        nb::list seasons;
        std::vector<double*> out;
        for (int m : hybrid.seasons) {
          auto [array, data] = new_array<double>({values.size() + n * m});
          seasons.append(array);
          out.push_back(data);
        }
        Smoothed smoothed;
        for (std::size_t s = 0; s < n; ++s) {
          const std::int64_t begin = indptr.data()[s], length = indptr.data()[s + 1] - begin;
          smoothed.run(hybrid, series_parameters.data() + s * hybrid.parameters(),
                       values.data() + begin, length);
          std::copy(smoothed.level.begin(), smoothed.level.end(), l + begin);
          for (std::size_t i = 0; i < n_seasons; ++i)
            out[i] = std::copy(smoothed.season[i].begin(), smoothed.season[i].end(), out[i]);
        }
        return nb::make_tuple(level, seasons);
      },
      "hybrid"_a, "values"_a, "indptr"_a, "series_parameters"_a,
      "Levels [total], and for each season its indices, series by series: as many as values and "
      "one season more.");

  nb::class_<SmoothingForm>(m, "SmoothingForm")
      .def(
          "__init__",
          [](SmoothingForm* self, const std::string& trend, const std::string& season, bool damped,
             int season_length) {
            using C = Component;
            const std::array words{std::pair{"none", C::kNone}, std::pair{"additive", C::kAdditive},
                                   std::pair{"multiplicative", C::kMultiplicative}};
            require(season_length >= 1, "season_length must be positive.");
            new (self) SmoothingForm{choose("trend", trend, words), choose("season", season, words),
                                     damped, season_length};
          },
          nb::kw_only(), "trend"_a = "none", "season"_a = "none", "damped"_a = false,
          "season_length"_a = 1)
      .def_prop_ro("n_states", &SmoothingForm::states);

  m.def("fit_smoothing", &fit_smoothing_arrays, "form"_a, "values"_a, "indptr"_a, nb::kw_only(),
        "iterations"_a = 500, "threads"_a = 0,
        "coefficients [S, 4], initial states [S, n_states], rmse [S], observed [S], status [S]: "
        "0 fitted, 1 too short, 2 not positive, 3 not finite.");
  m.def("run_smoothing", &run_smoothing_arrays, "form"_a, "values"_a, "indptr"_a, "coefficients"_a,
        "initial_states"_a, nb::kw_only(), "threads"_a = 0,
        "states after the last values [S, n_states], one-step errors [total], status [S].");
  m.def("smoothing_loss", &smoothing_loss_arrays, "form"_a, "values"_a, "coefficients"_a,
        "initial_state"_a,
        "The sum of squared one-step errors of a series, and its gradient [4 + n_states].");
}
