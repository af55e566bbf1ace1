// Fills the table of kernels for the instruction set of the including file.
#pragma once

#include "dense.hpp"
#include "kernels.hpp"
#include "lstm.hpp"
#include "optimizer.hpp"

namespace gatecast::GATECAST_ISA {

template <int NV>
constexpr TileKernels tile_kernels() {
  return {.lanes = NV * kWidth,
          .pack_forward = pack_forward<NV>,
          .pack_backward = pack_backward<NV>,
          .lstm_forward = lstm_forward<NV>,
          .lstm_backward_gates = lstm_backward_gates<NV>,
          .lstm_backward_input = lstm_backward_input<NV>,
          .lstm_backward_weights = lstm_backward_weights<NV>,
          .lstm_reduce = lstm_reduce<NV>,
          .dense_forward = dense_forward<NV>,
          .dense_backward = dense_backward<NV>};
}

constexpr Kernels kernel_table(const char* name) {
  return {.name = name,
          .width = kWidth,
          .narrow = tile_kernels<1>(),
          .wide = tile_kernels<2>(),
          .adam = adam,
          .rmsprop = rmsprop};
}

}  // namespace gatecast::GATECAST_ISA
