#include "md/snapshot.hpp"

#include <fmt/format.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/encoding.hpp"

namespace mlff::md {
namespace {

static_assert(std::endian::native == std::endian::little, "snapshots are written as the bytes lie in memory");

constexpr std::string_view magic = "mlffsnap";
constexpr std::uint32_t version = 1, version_with_mask = 2;  ///< the move mask follows the masses in the second

class Writer {
 public:
    explicit Writer(std::size_t expected_bytes) { bytes_.reserve(expected_bytes); }
    void array(const void* data, std::size_t n_bytes) { bytes_.append(static_cast<const char*>(data), n_bytes); }
    template <typename T>
    void value(const T& value) {
        static_assert(std::is_arithmetic_v<T>);
        array(&value, sizeof value);
    }
    template <typename Derived>
    void matrix(const Eigen::PlainObjectBase<Derived>& m) {
        array(m.data(), static_cast<std::size_t>(m.size()) * sizeof(double));
    }
    std::string finish() && {
        value(checksum(bytes_));
        return std::move(bytes_);
    }

 private:
    std::string bytes_{magic};
};

class Reader {
 public:
    explicit Reader(std::string_view bytes) : bytes_(bytes) {}
    void array(void* data, std::size_t n_bytes) {
        if (n_bytes > bytes_.size()) throw InputError("the dynamics snapshot is cut off");
        if (n_bytes > 0) std::memcpy(data, bytes_.data(), n_bytes);
        bytes_.remove_prefix(n_bytes);
    }
    template <typename T>
    [[nodiscard]] T value() {
        T value;
        array(&value, sizeof value);
        return value;
    }
    [[nodiscard]] bool flag() { return value<std::uint8_t>() != 0; }
    /// A number of items of at least `bytes_each`, checked against the bytes left: a damaged one cannot request more
    /// memory.
    [[nodiscard]] std::size_t count(std::size_t bytes_each) {
        const auto n = value<std::uint64_t>();
        if (n > bytes_.size() / bytes_each) throw InputError("the dynamics snapshot is cut off");
        return static_cast<std::size_t>(n);
    }
    template <typename Derived>
    void matrix(Eigen::PlainObjectBase<Derived>& m) {
        array(m.data(), static_cast<std::size_t>(m.size()) * sizeof(double));
    }
    [[nodiscard]] bool at_end() const { return bytes_.empty(); }

 private:
    std::string_view bytes_;
};

}  // namespace

std::string encode(const Snapshot& snapshot) {
    const State& state = snapshot.state;
    constexpr std::size_t bytes_per_atom = 84, others = 1024;  // species, positions, velocities, mass, forces
    Writer out(bytes_per_atom * static_cast<std::size_t>(state.size()) + others);
    const bool masked = state.move_mask.cols() > 0;
    out.value(masked ? version_with_mask : version);
    out.value(static_cast<std::uint64_t>(state.size()));
    out.matrix(state.structure.cell);
    for (const bool periodic : state.structure.periodic) out.value(static_cast<std::uint8_t>(periodic));
    for (const int z : state.structure.species) out.value(static_cast<std::int32_t>(z));
    out.matrix(state.structure.positions);
    out.matrix(state.velocities);
    out.matrix(state.masses);
    if (masked)
        for (const bool flag : state.move_mask.reshaped()) out.value(static_cast<std::uint8_t>(flag));
    out.value(state.step);
    out.value(state.time);
    out.value(snapshot.bath.energy);
    out.value(static_cast<std::uint64_t>(snapshot.bath.variables.size()));
    for (const double variable : snapshot.bath.variables) out.value(variable);
    for (const std::uint64_t word : snapshot.bath.random.state()) out.value(word);
    out.value(static_cast<std::uint8_t>(snapshot.evaluated));
    if (snapshot.evaluated) {
        out.value(snapshot.energy);
        out.matrix(snapshot.forces);
        out.value(static_cast<std::uint8_t>(snapshot.stress.has_value()));
        if (snapshot.stress) out.matrix(*snapshot.stress);
    }
    return std::move(out).finish();
}

Snapshot decode(std::string_view bytes) {
    if (bytes.size() < magic.size() + sizeof(version) + sizeof(std::uint64_t) || !bytes.starts_with(magic))
        throw InputError("these bytes are not a dynamics snapshot");
    const std::string_view body = bytes.substr(0, bytes.size() - sizeof(std::uint64_t));
    if (Reader(bytes.substr(body.size())).value<std::uint64_t>() != checksum(body))
        throw InputError("the dynamics snapshot is damaged (wrong checksum)");
    Reader in(body.substr(magic.size()));
    const auto found = in.value<std::uint32_t>();
    if (found != version && found != version_with_mask)
        throw InputError(fmt::format("the dynamics snapshot has version {}; this program reads {} and {}", found,
                                     version, version_with_mask));

    Snapshot snapshot;
    State& state = snapshot.state;
    const auto n_atoms = static_cast<Eigen::Index>(in.count(7 * sizeof(double)));  // positions, velocities, mass
    in.matrix(state.structure.cell);
    for (bool& periodic : state.structure.periodic) periodic = in.flag();
    state.structure.species.resize(static_cast<std::size_t>(n_atoms));
    for (int& z : state.structure.species) z = in.value<std::int32_t>();
    state.structure.positions.resize(3, n_atoms);
    in.matrix(state.structure.positions);
    state.velocities.resize(3, n_atoms);
    in.matrix(state.velocities);
    state.masses.resize(n_atoms);
    in.matrix(state.masses);
    if (found == version_with_mask) {
        state.move_mask.resize(3, n_atoms);
        for (Eigen::Index k = 0; k < state.move_mask.size(); ++k) state.move_mask(k) = in.flag();
    }
    state.step = in.value<std::int64_t>();
    state.time = in.value<double>();
    snapshot.bath.energy = in.value<double>();
    snapshot.bath.variables.resize(in.count(sizeof(double)));
    for (double& variable : snapshot.bath.variables) variable = in.value<double>();
    Random::State random{};
    for (std::uint64_t& word : random) word = in.value<std::uint64_t>();
    snapshot.bath.random = Random(random);
    snapshot.evaluated = in.flag();
    if (snapshot.evaluated) {
        snapshot.energy = in.value<double>();
        snapshot.forces.resize(3, n_atoms);
        in.matrix(snapshot.forces);
        if (in.flag()) in.matrix(snapshot.stress.emplace());
    }
    if (!in.at_end()) throw InputError("the dynamics snapshot is longer than it should be");
    return snapshot;
}

}  // namespace mlff::md
