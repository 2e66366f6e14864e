#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <Eigen/LU>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "reference/atomic_units.hpp"
#include "reference/embedded/catalogue.hpp"

namespace mlff::testing {

/// What a client may do wrong.
enum class Fault {
    none,
    dies,         ///< closes the connection when it should compute
    hangs,        ///< does not answer until it is told to stop
    garbage,      ///< answers GETFORCE with other words
    wrong_count,  ///< answers for one atom too few
    huge_extra,   ///< announces 2 GB of further data
    leaves,       ///< answers, and closes the connection before the next call
};

/// A client of i-PI's protocol in a thread of its own, written from the protocol alone: it computes with an embedded
/// potential. `faults` are what it does in its calls, one after the other; none after that.
class ScriptedClient {
 public:
    struct Options {
        std::string potential = "agi-6.5";
        std::vector<int> species = {};
        std::vector<Fault> faults = {};
        bool needs_init = false;      ///< at each step
        bool upper_triangle = false;  ///< of the virial only
        bool zero_virial = false;
        int idle_connections = 0;  ///< further ones that it opens and never speaks on
    };

    ScriptedClient(std::string path, Options options)
        : path_(std::move(path)), options_(std::move(options)), thread_([this] { run(); }) {}
    ScriptedClient(const ScriptedClient&) = delete;
    ScriptedClient& operator=(const ScriptedClient&) = delete;
    ~ScriptedClient() {
        stop_ = true;
        thread_.join();
    }
    [[nodiscard]] int calls() const { return calls_; }
    [[nodiscard]] int departures() const { return departures_; }  ///< connections that it has closed
    [[nodiscard]] bool dismissed() const { return dismissed_; }   ///< it was sent EXIT
    [[nodiscard]] bool lower_cell_is_zero() const { return lower_cell_is_zero_; }

 private:
    struct Gone {};

    int open_connection() {
        sockaddr_un where{};
        where.sun_family = AF_UNIX;
        std::strncpy(where.sun_path, path_.c_str(), sizeof where.sun_path - 1);
        while (!stop_) {
            const int s = socket(AF_UNIX, SOCK_STREAM, 0);
            if (connect(s, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0) return s;
            close(s);
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return -1;
    }
    void receive(void* to, std::size_t n) {
        auto* bytes = static_cast<char*>(to);
        while (n > 0) {
            const ssize_t got = recv(socket_, bytes, n, MSG_DONTWAIT);
            if (got == 0 || stop_) throw Gone{};
            if (got < 0) {
                std::this_thread::sleep_for(std::chrono::microseconds(200));
                continue;
            }
            bytes += got;
            n -= static_cast<std::size_t>(got);
        }
    }
    template <class T>
    T receive() {
        T value{};
        receive(&value, sizeof value);
        return value;
    }
    void send(const void* from, std::size_t n) {
        if (::send(socket_, from, n, MSG_NOSIGNAL) != static_cast<ssize_t>(n)) throw Gone{};
    }
    template <class T>
    void send(const T& value) {
        send(&value, sizeof value);
    }
    void say(std::string word) {
        word.resize(12, ' ');
        send(word.data(), word.size());
    }
    [[nodiscard]] Fault fault() const {
        const auto k = static_cast<std::size_t>(calls_);
        return k < options_.faults.size() ? options_.faults[k] : Fault::none;
    }

    void run() {
        std::vector<int> idle;
        for (int k = 0; k < options_.idle_connections; ++k) idle.push_back(open_connection());
        while (!stop_) {  // as if somebody started it again whenever it ends
            socket_ = open_connection();
            if (socket_ < 0) break;
            try {
                converse();
            } catch (const Gone&) {
            }
            close(socket_);
            ++departures_;
        }
        for (const int s : idle) close(s);
    }

    void converse() {
        bool initialised = !options_.needs_init, has_data = false;
        const auto potential = reference::make_embedded(options_.potential);
        Evaluation answer;
        for (;;) {
            char raw[13] = {};
            receive(raw, 12);
            const std::string word = std::string(raw).substr(0, std::string(raw).find(' '));
            if (word == "STATUS") {
                say(has_data ? "HAVEDATA" : initialised ? "READY" : "NEEDINIT");
            } else if (word == "INIT") {
                (void)receive<std::int32_t>();
                if (receive<std::int32_t>() != 1) throw std::logic_error("INIT must carry one byte");
                (void)receive<char>();
                initialised = true;
            } else if (word == "POSDATA") {
                answer = compute(*potential);
                has_data = true;
            } else if (word == "GETFORCE") {
                const Fault now = fault();
                ++calls_;
                reply(answer, now);
                if (now == Fault::leaves) throw Gone{};
                has_data = false;
                initialised = !options_.needs_init;
            } else if (word == "EXIT") {
                dismissed_ = true;
                return;
            } else {
                throw std::logic_error("unknown message " + word);
            }
        }
    }

    Evaluation compute(Calculator& potential) {
        Eigen::Matrix<double, 3, 3, Eigen::RowMajor> cell, inverse;
        receive(cell.data(), 72);
        receive(inverse.data(), 72);
        if (!(cell * inverse).isIdentity(1e-12)) throw std::logic_error("not the inverse cell");
        lower_cell_is_zero_ = cell.isUpperTriangular(0.0);
        Structure s;
        const auto n = receive<std::int32_t>();
        s.positions.resize(3, n);
        receive(s.positions.data(), static_cast<std::size_t>(n) * 24);
        s.cell = cell * reference::bohr;
        s.positions *= reference::bohr;
        s.periodic = {true, true, true};
        s.species = options_.species;
        volume_ = s.volume();
        if (fault() == Fault::dies) {
            ++calls_;
            throw Gone{};
        }
        while (fault() == Fault::hangs && !stop_) {
            pollfd entry{socket_, POLLRDHUP, 0};
            if (poll(&entry, 1, 0) > 0) {
                ++calls_;
                throw Gone{};
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return potential.evaluate(s);
    }

    void reply(const Evaluation& answer, Fault now) {
        if (now == Fault::garbage) {
            say("<html>");
            return;
        }
        say("FORCEREADY");
        send(answer.energy / reference::hartree);
        const auto n = static_cast<std::int32_t>(answer.forces.cols()) - (now == Fault::wrong_count ? 1 : 0);
        send(n);
        const Matrix3X forces = answer.forces * (reference::bohr / reference::hartree);
        send(forces.data(), static_cast<std::size_t>(n) * 24);
        Matrix3 virial = from_voigt(*answer.stress) * (-volume_ / reference::hartree);
        if (options_.upper_triangle) virial = Matrix3(virial.triangularView<Eigen::Upper>());
        if (options_.zero_virial) virial.setZero();
        virial.transposeInPlace();  // rows one after the other
        send(virial.data(), 72);
        if (now == Fault::huge_extra) {
            send(std::int32_t{2'000'000'000});
            return;
        }
        send(std::int32_t{2});
        send("{}", 2);
    }

    std::string path_;
    Options options_;
    int socket_ = -1;
    double volume_ = 0.0;
    std::atomic<bool> stop_ = false, dismissed_ = false, lower_cell_is_zero_ = false;
    std::atomic<int> calls_ = 0, departures_ = 0;
    std::thread thread_;
};

}  // namespace mlff::testing
