#pragma once

/// @file
/// Public surface of mlff::model: a force field from a file, and its energies, forces, virials and error estimates.
///
///     auto model = std::make_shared<const mlff::LocalModel>(mlff::read_model("model.h5"));
///     mlff::ForceFieldCalculator calculator(model);               // a Structure in, an Evaluation out
///     model->evaluate(neighbors, output, workspace, n_threads);   // or the neighbour lists of a host
///
/// Units: eV, Å, amu. Errors: mlff::Error and the classes derived from it, with a code. A model is immutable: threads
/// share it, each with a calculator or a workspace of its own. Headers that are not included here, or by one of these,
/// may change from one version to the next.

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"
#include "libmlff/atoms/structure.hpp"
#include "libmlff/atoms/units.hpp"
#include "libmlff/io/model_file.hpp"
#include "libmlff/model/calculator.hpp"
#include "libmlff/model/force_field.hpp"
#include "libmlff/model/force_field_calculator.hpp"
#include "libmlff/model/guard.hpp"
#include "libmlff/model/local_model.hpp"
#include "libmlff/model/neighbor_arrays.hpp"
#include "libmlff/model/version.hpp"
