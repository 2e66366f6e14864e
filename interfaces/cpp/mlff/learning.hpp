#pragma once

/// @file
/// Public surface of mlff::learning, on top of <mlff/model.hpp>: labelled data from files, fits, calibration, a learner
/// that calls a reference where the force field is uncertain, and settings by search.

#include <mlff/model.hpp>

#include "libmlff/data/data_checks.hpp"
#include "libmlff/data/data_summary.hpp"
#include "libmlff/io/data_file.hpp"
#include "libmlff/io/extxyz.hpp"
#include "libmlff/io/vasp.hpp"
#include "libmlff/learning/learner.hpp"
#include "libmlff/regression/calibration.hpp"
#include "libmlff/regression/cross_validation.hpp"
#include "libmlff/regression/reference_selection.hpp"
#include "libmlff/regression/regression.hpp"
#include "libmlff/search/compile.hpp"
#include "libmlff/search/model_search.hpp"
