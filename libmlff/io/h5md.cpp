#include "libmlff/io/h5md.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/output_file.hpp"
#include "libmlff/model/version.hpp"

namespace mlff {
namespace {

namespace fs = std::filesystem;

const std::string particles = "particles/all/", observables = "observables/";
const std::string step_name = particles + "position/step", time_name = particles + "position/time";

/// Factor from a unit to Å, fs, Å/fs; 0 if it is unknown.
double length_unit(const std::string& unit) {
    if (unit == "Angstrom" || unit == "angstrom" || unit == "A" || unit == "Å") return 1.0;
    return unit == "nm" ? 10.0 : unit == "pm" ? 0.01 : 0.0;
}
double time_unit(const std::string& unit) { return unit == "fs" ? 1.0 : unit == "ps" ? 1e3 : unit == "ns" ? 1e6 : 0.0; }
double velocity_unit(const std::string& unit) {
    const auto space = unit.find(' ');
    if (space == std::string::npos || !unit.ends_with("-1")) return 0.0;
    const double time = time_unit(unit.substr(space + 1, unit.size() - space - 3));
    return time > 0.0 ? length_unit(unit.substr(0, space)) / time : 0.0;
}
double force_unit(const std::string& unit) { return unit == "eV Angstrom-1" ? 1.0 : 0.0; }
double energy_unit(const std::string& unit) { return unit == "eV" ? 1.0 : 0.0; }
double temperature_unit(const std::string& unit) { return unit == "K" ? 1.0 : 0.0; }
double stress_unit(const std::string& unit) { return unit == "eV Angstrom-3" ? 1.0 : 0.0; }

}  // namespace

// ---------------------------------------------------------------------------------------------------------- writing

H5mdWriter::H5mdWriter(std::string path) : path_(std::move(path)) {
    std::error_code ignored;
    if (!fs::exists(path_, ignored) || fs::file_size(path_, ignored) == 0) return;
    const H5mdFrames before(path_);
    n_frames_ = before.n_frames();
}

void H5mdWriter::begin(const SourceFrame& first) {
    using Kind = Hdf5Appender::Kind;
    const std::int64_t n_atoms = first.structure.size();
    species_ = first.structure.species;
    file_ = Hdf5Appender::create(path_);
    Hdf5Appender& file = *file_;
    const std::vector<long> version_1_1 = {1, 1}, version_1_0 = {1, 0};
    file.attribute("h5md", "version", version_1_1);
    file.attribute("h5md/author", "name", "unknown");
    file.attribute("h5md/creator", "name", "mlff");
    file.attribute("h5md/creator", "version", version);
    file.attribute("h5md/modules/units", "version", version_1_0);
    file.fixed(particles + "species", {species_.begin(), species_.end()});
    file.attribute(particles + "box", "dimension", 3L);
    std::vector<std::string> boundary;
    for (const bool periodic : first.structure.periodic) boundary.emplace_back(periodic ? "periodic" : "none");
    file.attribute(particles + "box", "boundary", boundary);

    file.series(step_name, {}, Kind::whole);
    file.series(time_name, {}, Kind::real);
    file.attribute(time_name, "unit", "fs");
    const auto element = [&](const std::string& name, const std::vector<std::int64_t>& shape, const char* unit) {
        file.series(name + "/value", shape, Kind::real);
        file.attribute(name + "/value", "unit", unit);
        if (name + "/step" == step_name) return;
        file.link(name + "/step", step_name);
        file.link(name + "/time", time_name);
    };
    element(particles + "position", {n_atoms, 3}, "Angstrom");
    if (first.velocities) element(particles + "velocity", {n_atoms, 3}, "Angstrom fs-1");
    if (first.labels.forces) element(particles + "force", {n_atoms, 3}, "eV Angstrom-1");
    element(particles + "box/edges", {3, 3}, "Angstrom");
    element(observables + "potential_energy", {}, "eV");
    element(observables + "temperature", {}, "K");
    if (first.labels.stress) element(observables + "stress", {3, 3}, "eV Angstrom-3");
}

void H5mdWriter::append(const SourceFrame& frame) {
    if (!frame.step || !frame.time || !frame.labels.energy || !frame.temperature)
        throw std::invalid_argument("a frame of H5MD needs step, time, energy and temperature");
    if (!file_) {
        if (n_frames_ == 0) {
            begin(frame);
        } else {
            species_ = H5mdFrames(path_).next()->structure.species;
            file_ = Hdf5Appender::open(path_);
        }
    }
    if (frame.structure.species != species_) throw std::invalid_argument("a frame of H5MD must have the same atoms");
    Hdf5Appender& file = *file_;
    // 3 × N by columns is N × 3 by rows.
    const auto append = [&](const std::string& name, const auto& columns) {
        file.append(name + "/value", std::span(columns.data(), static_cast<std::size_t>(columns.size())));
    };
    append(particles + "position", frame.structure.positions);
    if (frame.velocities) append(particles + "velocity", *frame.velocities);
    if (frame.labels.forces) append(particles + "force", *frame.labels.forces);
    append(particles + "box/edges", frame.structure.cell);
    if (frame.labels.stress) append(observables + "stress", from_voigt(*frame.labels.stress));
    file.append(observables + "potential_energy/value", std::span(&*frame.labels.energy, 1));
    file.append(observables + "temperature/value", std::span(&*frame.temperature, 1));
    file.append(time_name, std::span(&*frame.time, 1));
    file.flush();
    // The step comes last: where it is, the frame is complete.
    const long step = std::lround(*frame.step);
    file.append(step_name, std::span(&step, 1));
    file.flush();
    ++n_frames_;
}

void H5mdWriter::truncate(std::int64_t n) {
    if (n < 0) throw std::invalid_argument("a number of frames must not be negative");
    if (n > n_frames_)
        throw InputError(fmt::format(
            "{}: holds {} frames, but {} were recorded; the file of the recorded run is needed", path_, n_frames_, n));
    file_.reset();
    if (n == 0) {
        std::error_code error;
        fs::remove(path_, error);
        if (error) throw std::runtime_error(fmt::format("{}: cannot be removed ({})", path_, error.message()));
    } else {
        FileReplacement replacement(path_);
        {
            H5mdFrames from(path_);
            H5mdWriter to(replacement.temporary());
            while (to.n_frames() < n) to.append(*from.next());
        }
        replacement.commit();
    }
    n_frames_ = n;
}

void H5mdWriter::require_in_place() const {
    if (file_) file_->require_in_place();
}

void H5mdWriter::sync() {
    if (file_) file_->sync();
}

// ---------------------------------------------------------------------------------------------------------- reading

bool is_hdf5(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    char magic[8] = {};
    return in.read(magic, sizeof magic) && std::equal(magic, magic + 8, "\x89HDF\r\n\x1a\n");
}

H5mdFrames::H5mdFrames(const std::string& path, const std::vector<int>& species) : path_(path), file_(path) {
    if (!file_.has("particles")) fail("has no group 'particles'; a trajectory by the conventions of H5MD is needed");
    for (const std::string& name : file_.list("particles"))
        if (group_.empty() && file_.has("particles/" + name + "/position/value")) group_ = "particles/" + name + "/";
    if (group_.empty()) fail("has no positions; 'particles/NAME/position/value' is needed");
    position_ = element(group_ + "position", length_unit);
    velocity_ = element(group_ + "velocity", velocity_unit);
    const auto if_known = [&](const std::string& name, double (*unit)(const std::string&)) {
        auto found = file_.has(name + "/value") ? element(name, unit) : std::nullopt;
        return found && found->unit > 0.0 ? found : std::nullopt;
    };
    force_ = if_known(group_ + "force", force_unit);
    energy_ = if_known(observables + "potential_energy", energy_unit);
    temperature_ = if_known(observables + "temperature", temperature_unit);
    stress_ = if_known(observables + "stress", stress_unit);
    for (const auto& [part, name] : {std::pair(&position_, "position"), std::pair(&velocity_, "velocity")})
        if (*part && !((*part)->unit > 0.0))
            fail(
                fmt::format("'{}{}/value' has no unit that is known; Angstrom, nm, pm, and for velocities these per "
                            "fs, ps or ns ('Angstrom fs-1') are",
                            group_, name));
    const std::vector<std::int64_t> shape = shape_of(position_->value);
    if (shape.size() != 3 || shape[2] != 3)
        fail(fmt::format("'{}' must have the shape (frames, atoms, 3)", position_->value));
    n_frames_ = shape[0];
    structure_.positions.resize(3, shape[1]);
    for (const auto& part : {velocity_, force_})
        if (part && !part->fixed) n_frames_ = std::min(n_frames_, n_entries(*part));
    for (const auto& part : {energy_, temperature_, stress_})
        if (part && !part->fixed) (void)n_entries(*part);
    steps_ = read_clock("step");
    times_ = read_clock("time");
    const std::string time = group_ + "position/time";
    if (file_.has(time) && file_.has_attribute(time, "unit")) {
        std::string unit;
        file_.attribute(time, "unit", unit);
        const double factor = time_unit(unit);
        if (!(factor > 0.0)) fail(fmt::format("times are in {}; fs, ps and ns are read", show(unit)));
        for (double& t : times_) t *= factor;
    }
    // A step that is not there, or −1, is that of a frame whose writer did not come to its end.
    if (file_.has(group_ + "position/step"))
        n_frames_ = std::find_if(steps_.begin(), steps_.end(), [](double step) { return step < 0.0; }) - steps_.begin();
    if (!times_.empty()) n_frames_ = std::min<std::int64_t>(n_frames_, std::ssize(times_));
    find_species(species);
    find_box();
    cut_off_ = n_frames_ < shape[0];
}

void H5mdFrames::fail(const std::string& message) const { throw InputError(path_ + ": " + message); }

std::vector<std::int64_t> H5mdFrames::shape_of(const std::string& name) const {
    std::vector<std::int64_t> shape = file_.shape(name);
    // Packed to a thousandth at most; a data set that is larger was never written.
    std::error_code unknown;
    const auto bytes = fs::file_size(path_, unknown);
    double n = 1.0;
    for (const std::int64_t extent : shape) n *= static_cast<double>(extent);
    if (!unknown && n > 1100.0 * static_cast<double>(bytes))
        fail(fmt::format("'{}' would hold {:.3g} numbers, more than this file can; it is damaged or was never written",
                         name, n));
    return shape;
}

std::int64_t H5mdFrames::n_entries(const Element& element) const {
    const auto shape = shape_of(element.value);
    if (shape.empty()) fail(fmt::format("'{}' must have an entry for each frame", element.value));
    return shape[0];
}

std::optional<H5mdFrames::Element> H5mdFrames::element(const std::string& name,
                                                       double (*unit)(const std::string&)) const {
    if (!file_.has(name)) return std::nullopt;
    Element out;
    out.fixed = !file_.has(name + "/value");
    out.value = out.fixed ? name : name + "/value";
    std::string text;
    if (file_.has_attribute(out.value, "unit")) file_.attribute(out.value, "unit", text);
    out.unit = unit(text);
    return out;
}

void H5mdFrames::find_species(const std::vector<int>& species) {
    const std::string name = group_ + "species";
    if (!file_.has(name)) fail(fmt::format("has no '{}'; the species of the atoms are needed", name));
    (void)shape_of(name);
    const auto numbers = file_.read<std::vector<double>>(name);
    if (static_cast<Eigen::Index>(numbers.size()) != structure_.positions.cols())
        fail(fmt::format("'{}' names {} atoms of {}", name, numbers.size(), structure_.positions.cols()));
    std::string creator;
    if (file_.has_attribute("h5md/creator", "name")) file_.attribute("h5md/creator", "name", creator);
    if (species.empty() && creator != "mlff")
        fail(
            "another program numbered the species of its atoms; name them: species: [Ag, I] for analyze, or --species "
            "Ag,I for convert");
    for (const double number : numbers) {
        if (!(number >= 0.0 && number <= 1e6 && number == std::floor(number)))
            fail(fmt::format("'{}' must hold whole numbers from 0 on, got {}", name, number));
        const auto z = static_cast<std::size_t>(number);
        if (!species.empty() && (z < 1 || z > species.size()))
            fail(fmt::format("species {} is not named; {} are", number, species.size()));
        if (species.empty() && (z < 1 || z > 118))
            fail(fmt::format("species {} is no atomic number; name the species: [Ag, I] or the like", number));
        structure_.species.push_back(species.empty() ? static_cast<int>(z) : species[z - 1]);
    }
}

void H5mdFrames::find_box() {
    const std::string box = group_ + "box";
    structure_.periodic = {false, false, false};
    if (!file_.has(box)) return;
    if (file_.has_attribute(box, "boundary")) {
        std::vector<std::string> boundary;
        file_.attribute(box, "boundary", boundary);
        if (boundary.size() != 3) fail(fmt::format("'{}' must have three boundaries", box));
        for (std::size_t axis = 0; axis < 3; ++axis) structure_.periodic[axis] = boundary[axis] == "periodic";
    }
    edges_ = element(box + "/edges", length_unit);
    if (!edges_) return;
    if (edges_->unit == 0.0) edges_->unit = position_->unit;
    if (!edges_->fixed) n_frames_ = std::min(n_frames_, n_entries(*edges_));
}

const std::vector<double>& H5mdFrames::read(const Element& element, std::int64_t k) {
    if (element.fixed && file_.shape(element.value).size() == 2) {
        const auto matrix = file_.read<Eigen::MatrixXd>(element.value);
        values_.clear();
        for (Eigen::Index row = 0; row < matrix.rows(); ++row)
            for (Eigen::Index column = 0; column < matrix.cols(); ++column) values_.push_back(matrix(row, column));
    } else if (element.fixed) {
        file_.read(element.value, values_);
    } else {
        file_.read_entry(element.value, k, values_);
    }
    for (double& value : values_) {
        if (!std::isfinite(value)) fail(fmt::format("'{}' holds a number that is not finite", element.value));
        value *= element.unit;
    }
    return values_;
}

Matrix3X H5mdFrames::read_atoms(const Element& element, std::int64_t k) {
    const std::vector<double>& values = read(element, k);
    if (static_cast<Eigen::Index>(values.size()) != structure_.positions.size())
        fail(fmt::format("'{}' has another shape than the positions", element.value));
    return Eigen::Map<const Matrix3X>(values.data(), 3, structure_.positions.cols());
}

/// `step` or `time`, of as many frames as are there: one number for each, or one for all, the distance of two frames.
std::vector<double> H5mdFrames::read_clock(const std::string& name) const {
    const std::string path = group_ + "position/" + name;
    std::vector<double> values;
    if (!file_.has(path)) return values;
    if (!shape_of(path).empty()) {
        file_.read(path, values);
        for (const double value : values)
            if (!std::isfinite(value)) fail(fmt::format("'{}' holds a number that is not finite", path));
        values.resize(std::min(values.size(), static_cast<std::size_t>(n_frames_)));
        return values;
    }
    double offset = 0.0;
    if (file_.has_attribute(path, "offset")) file_.attribute(path, "offset", offset);
    const auto distance = file_.read<double>(path);
    for (std::int64_t k = 0; k < n_frames_; ++k) values.push_back(offset + static_cast<double>(k) * distance);
    return values;
}

std::optional<SourceFrame> H5mdFrames::next() {
    if (n_frames_ == 0) fail("holds no complete frame");
    if (next_ == n_frames_) return std::nullopt;
    const std::int64_t k = next_++;
    SourceFrame frame;
    frame.origin = fmt::format("{}:{}", path_, k + 1);
    if (!steps_.empty()) frame.step = steps_[static_cast<std::size_t>(k)];
    if (!times_.empty()) frame.time = times_[static_cast<std::size_t>(k)];
    frame.structure = structure_;
    frame.structure.positions = read_atoms(*position_, k);
    if (velocity_) frame.velocities = read_atoms(*velocity_, k);
    if (force_) frame.labels.forces = read_atoms(*force_, k);
    if (edges_) {
        const std::vector<double>& edges = read(*edges_, k);
        frame.structure.cell = edges.size() == 9 ? Matrix3(Eigen::Map<const Matrix3>(edges.data()))
                               : edges.size() == 3
                                   ? Matrix3(Eigen::Map<const Vector3>(edges.data()).asDiagonal())
                                   : (fail(fmt::format("'{}' must have 3 or 3 × 3 numbers", edges_->value)), Matrix3());
    }
    const auto number = [&](const Element& element) {
        const std::vector<double>& values = read(element, k);
        if (values.size() != 1) fail(fmt::format("'{}' must have one number for each frame", element.value));
        return values[0];
    };
    if (energy_) frame.labels.energy = number(*energy_);
    if (temperature_) frame.temperature = number(*temperature_);
    if (stress_) {
        const std::vector<double>& s = read(*stress_, k);
        if (s.size() != 9) fail("'observables/stress/value' must have 3 × 3 numbers");
        frame.labels.stress = to_voigt(Eigen::Map<const Matrix3>(s.data()));
    }
    try {
        frame.structure.validate();
    } catch (const InputError& error) {
        throw InputError(frame.origin + ": " + error.what());
    }
    return frame;
}

}  // namespace mlff
