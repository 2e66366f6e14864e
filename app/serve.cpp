#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "app/interrupt.hpp"
#include "app/settings.hpp"
#include "app/verbs.hpp"
#include "libmlff/io/model_file.hpp"
#include "libmlff/io/text_file.hpp"
#include "libmlff/io/vasp.hpp"
#include "libmlff/model/force_field_calculator.hpp"
#include "libmlff/parallel/distributed_executor.hpp"
#include "reference/atomic_units.hpp"
#include "reference/external_code.hpp"
#include "reference/ipi_messages.hpp"
#include "reference/stream.hpp"

namespace mlff::app {
namespace {

using reference::bohr, reference::hartree;

/// The client's side of i-PI's protocol: the server says what it wants, in atomic units.
class Client {
 public:
    explicit Client(reference::Connection& connection) : connection_(connection) {}

    [[nodiscard]] std::string receive_word() {
        std::string bytes(reference::header_size, '\0');
        receive(bytes.data(), bytes.size());
        return reference::word_of(bytes);
    }
    template <class T>
    [[nodiscard]] T receive_number() {
        T value{};
        receive(&value, sizeof value);
        return value;
    }
    /// Sent row by row, lattice vectors in columns.
    [[nodiscard]] Matrix3 receive_matrix() {
        Matrix3 sent;
        receive(sent.data(), 9 * sizeof(double));
        return sent.transpose();
    }
    void receive(void* bytes, std::size_t size) { connection_.receive(bytes, size, forever, poll); }
    void send(std::string_view bytes) { connection_.send(bytes, forever, poll); }

 private:
    static constexpr auto forever = reference::Clock::time_point::max();
    static void poll() {
        if (interrupted()) throw Interrupted{};
    }
    reference::Connection& connection_;
};

void receive_positions(Client& client, Structure& structure) {
    structure.cell = client.receive_matrix() * bohr;
    (void)client.receive_matrix();  // its inverse
    const auto n = client.receive_number<std::int32_t>();
    if (n != structure.size())
        throw InputError(fmt::format(
            "the server sends {} atoms, but the structure has {}; give the structure whose atoms the server moves", n,
            structure.size()));
    client.receive(structure.positions.data(), static_cast<std::size_t>(structure.positions.size()) * sizeof(double));
    structure.positions *= bohr;
}

/// Expected errors and spilling factors as JSON; "" if there are none.
std::string extras(const Structure& structure, const Evaluation& answer, const Calibration& calibration) {
    if (!answer.uncertainty) return "";
    const auto [energy, forces, stress] = expected_errors(structure, *answer.uncertainty, calibration);
    return nlohmann::json{{"energy_error_per_atom", energy},
                          {"force_error", std::vector<double>(forces.begin(), forces.end())},
                          {"stress_error", std::vector<double>(stress.begin(), stress.end())},
                          {"spilling", std::vector<double>(answer.spilling.begin(), answer.spilling.end())}}
        .dump();
}

std::string force_message(const Evaluation& answer, const Structure& structure, const std::string& extra) {
    std::string message = reference::header("FORCEREADY");
    reference::append(message, answer.energy / hartree);
    reference::append(message, static_cast<std::int32_t>(structure.size()));
    const Matrix3X forces = answer.forces * (bohr / hartree);
    message.append(reinterpret_cast<const char*>(forces.data()),
                   static_cast<std::size_t>(forces.size()) * sizeof(double));
    const double volume = structure.has_volume() ? structure.volume() : 0.0;
    reference::append_matrix(message, from_voigt(answer.stress.value_or(Voigt::Zero())) * (-volume / hartree));
    reference::append(message, static_cast<std::int32_t>(extra.size()));
    return message + extra;
}

}  // namespace

void serve(const ServeArguments& arguments, const Console& console, Communicator& world) {
    const auto calculator = DistributedExecutor(world).calculator(read_model(arguments.model));
    Structure structure = read_structure(arguments.structure);
    require_known(structure, *calculator, arguments.structure);
    const Calibration& calibration = calculator->force_field().calibration();
    catch_interrupts();
    const auto wait =
        std::chrono::duration_cast<reference::Clock::duration>(std::chrono::duration<double>(arguments.wait));
    const auto connection = reference::connect_to(arguments.socket, reference::Clock::now() + wait, [] {
        if (interrupted()) throw Interrupted{};
    });
    console.info(fmt::format("connected to {}: {} atoms of {}", arguments.socket, structure.size(), arguments.model));
    Client client(*connection);
    std::string ready;  // the answer, until it is fetched
    long calls = 0;
    for (;;) {
        std::string word;
        try {
            word = client.receive_word();
        } catch (const reference::CallFailure&) {
            if (calls == 0 || !ready.empty()) throw;
            break;  // ASE ends by closing the connection, without EXIT
        }
        if (word == "STATUS") {
            client.send(reference::header(ready.empty() ? "READY" : "HAVEDATA"));
        } else if (word == "INIT") {
            (void)client.receive_number<std::int32_t>();
            std::string ignored(static_cast<std::size_t>(std::max(0, client.receive_number<std::int32_t>())), '\0');
            client.receive(ignored.data(), ignored.size());
        } else if (word == "POSDATA") {
            receive_positions(client, structure);
            const Evaluation answer = calculator->evaluate(
                structure, {.uncertainty = arguments.uncertainty, .spilling = arguments.uncertainty});
            ready = force_message(answer, structure, extras(structure, answer, calibration));
            ++calls;
        } else if (word == "GETFORCE" && !ready.empty()) {
            client.send(ready);
            ready.clear();
        } else if (word == "EXIT") {
            break;
        } else {
            throw std::runtime_error(fmt::format("the server does not speak the protocol of i-PI: it said {}{}",
                                                 show(word), word == "GETFORCE" ? " before POSDATA" : ""));
        }
    }
    console.info(fmt::format("{} structures computed; the server has ended", calls));
}

}  // namespace mlff::app
