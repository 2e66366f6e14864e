#include "reference/socket.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <numbers>
#include <sstream>
#include <thread>
#include <vector>

#include "libmlff/atoms/errors.hpp"
#include "reference/embedded/structures.hpp"
#include "reference/scripted_client.hpp"
#include "support/files.hpp"

namespace {

int n_umask_calls = 0;

}  // namespace

/// In place of the system's, to be seen.
extern "C" mode_t umask(mode_t mask) noexcept {
    ++n_umask_calls;
    return static_cast<mode_t>(syscall(SYS_umask, mask));
}

namespace mlff::reference {
namespace {

using mlff::testing::error_of;
using mlff::testing::Fault;
using mlff::testing::ScriptedClient;
using mlff::testing::TemporaryDirectory;

/// A name that no other test, or copy of it, uses at the same time.
std::string unique_name(const std::string& stem) {
    static int count = 0;
    return "mlff-test-" + stem + "-" + std::to_string(getpid()) + "-" + std::to_string(++count);
}

/// Triclinic and left-handed, two species.
Structure crystal() { return mlff::testing::jittered_grid(5, 3, 2.9, {47, 53}); }

class SocketTest : public ::testing::Test {
 protected:
    SocketCode& listen(double time_limit = 20.0) {
        SocketOptions options;
        options.address = "unix:" + name;
        options.folder = folder.file("reference");
        options.time_limit = time_limit;
        options.start_limit = 20.0;
        code = std::make_unique<SocketCode>(options, Poll{});
        return *code;
    }
    ScriptedClient& start(ScriptedClient::Options options = {}) {
        if (options.species.empty()) options.species = structure.species;
        client = std::make_unique<ScriptedClient>("/tmp/ipi_" + name, std::move(options));
        return *client;
    }
    void expect_right(const Evaluation& answer, const Structure& asked) {
        const Evaluation direct = make_embedded("agi-6.5")->evaluate(asked);
        EXPECT_NEAR(answer.energy, direct.energy, 1e-9 * std::abs(direct.energy));
        ASSERT_EQ(answer.forces.cols(), direct.forces.cols());
        EXPECT_LT((answer.forces - direct.forces).norm(), 1e-9 * direct.forces.norm());
        EXPECT_LT((*answer.stress - *direct.stress).norm(), 1e-9 * direct.stress->norm());
    }

    TemporaryDirectory folder;
    std::string name = unique_name("socket");
    Structure structure = crystal();
    std::unique_ptr<SocketCode> code;
    std::unique_ptr<ScriptedClient> client;
};

TEST_F(SocketTest, AnswersAreThoseOfADirectCalculation) {
    ASSERT_LT(structure.cell.determinant(), 0.0);
    listen();
    start();
    expect_right(code->call(structure, {}), structure);
    structure.positions.col(3) += Vector3(0.02, -0.01, 0.03);
    structure.cell *= 1.01;
    expect_right(code->call(structure, {}), structure);
    EXPECT_EQ(client->calls(), 2);
    EXPECT_TRUE(client->lower_cell_is_zero());
    code.reset();
    for (int wait = 0; wait < 1000 && !client->dismissed(); ++wait)
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    EXPECT_TRUE(client->dismissed());
    EXPECT_FALSE(std::filesystem::exists("/tmp/ipi_" + name));
}

TEST_F(SocketTest, InitAtEachStepAndHalfAVirial) {
    listen();
    start({.needs_init = true, .upper_triangle = true});
    for (int k = 0; k < 2; ++k) expect_right(code->call(structure, {}), structure);
}

TEST_F(SocketTest, AUsualCellIsSentAsItIs) {
    structure = mlff::testing::cubic(5.1, {"Ag", "I", "I"}, {{0.1, 0, 0}, {0.5, 0.45, 0.5}, {0.1, 0.52, 0.5}});
    structure.cell(0, 1) = 0.4;
    listen();
    start();
    expect_right(code->call(structure, {}), structure);
}

TEST_F(SocketTest, ACallThatFailsIsRepeatedWithTheNextClient) {
    listen(1.0);
    start({.faults = {Fault::dies, Fault::garbage, Fault::huge_extra, Fault::hangs}});
    for (const char* reason : {"the client", "protocol of i-PI", "2000000000 bytes", "time limit"}) {
        const std::string error = error_of<CallFailure>([&] { (void)code->call(structure, {}); });
        EXPECT_NE(error.find(reason), std::string::npos) << error;
    }
    expect_right(code->call(structure, {.afresh = true}), structure);
}

TEST_F(SocketTest, AClientThatLeavesBetweenCallsIsReplacedSilently) {
    listen();
    start({.faults = {Fault::leaves}});
    expect_right(code->call(structure, {}), structure);
    while (client->departures() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    expect_right(code->call(structure, {}), structure);
}

TEST_F(SocketTest, AnotherNumberOfAtomsIsAnErrorOfTheInput) {
    listen();
    start({.faults = {Fault::wrong_count}});
    const std::string error = error_of<InputError>([&] { (void)code->call(structure, {}); });
    EXPECT_NE(error.find("answered for 26 atoms, but the structure has 27"), std::string::npos) << error;
    expect_right(code->call(structure, {}), structure);
}

TEST_F(SocketTest, ASecondConnectionWaitsAndDoesNoHarm) {
    listen();
    start();
    expect_right(code->call(structure, {}), structure);
    ScriptedClient second("/tmp/ipi_" + name, {.species = structure.species});
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    expect_right(code->call(structure, {}), structure);
    EXPECT_EQ(second.calls(), 0);
    client.reset();  // the first dies; the second is there
    expect_right(code->call(structure, {}), structure);
    EXPECT_EQ(second.calls(), 1);
}

TEST_F(SocketTest, SeveralCallsAtATimeShareTheClientsThatThereAre) {
    const auto pool = std::make_shared<ClientPool>("unix:" + name);
    SocketOptions options;
    options.address = "unix:" + name;
    options.folder = folder.file("reference");
    std::vector<std::unique_ptr<SocketCode>> codes;
    for (int k = 0; k < 3; ++k) codes.push_back(std::make_unique<SocketCode>(options, Poll{}, pool));
    const auto all_at_once = [&] {
        std::vector<std::jthread> threads;
        for (auto& each : codes)
            threads.emplace_back([&] {
                for (int k = 0; k < 5; ++k) expect_right(each->call(structure, {}), structure);
            });
    };
    start();  // one for three
    all_at_once();
    EXPECT_EQ(client->calls(), 15);
    ScriptedClient second("/tmp/ipi_" + name, {.species = structure.species});
    for (int k = 0; k < 100 && second.calls() == 0; ++k) all_at_once();
    EXPECT_GT(second.calls(), 0);
    client.reset();  // one of two leaves
    all_at_once();
}

TEST_F(SocketTest, AClientOfOneCellIsStartedAnewForAnother) {
    SocketOptions options;
    options.folder = folder.file("reference");
    options.fixed_cell = true;
    options.address = "unix:" + name;
    start();
    SocketCode foreign(options, {});
    expect_right(foreign.call(structure, {}), structure);
    Structure other = structure;
    other.cell *= 1.01;
    EXPECT_NE(error_of<InputError>([&] { (void)foreign.call(other, {}); }).find("one cell only"), std::string::npos);
    expect_right(foreign.call(structure, {}), structure);

    client.reset();
    options.address = "unix:" + unique_name("socket");
    options.command = "echo started >> starts; sleep 100";  // the process; what answers is the scripted client
    options.patience = 0.05;
    SocketCode ours(options, {});
    client = std::make_unique<ScriptedClient>(ours.listener().address(),
                                              ScriptedClient::Options{.species = structure.species});
    expect_right(ours.call(structure, {}), structure);
    expect_right(ours.call(structure, {}), structure);
    // The scripted client may answer before the shell of the process has written its line: the file is waited for.
    const auto starts_become = [&](std::string_view expected) {
        const auto content = [&] { return mlff::testing::content_of(folder.file("reference/starts")); };
        for (int k = 0; k < 1000 && content().size() < expected.size(); ++k)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        EXPECT_EQ(content(), expected);
    };
    starts_become("started\n");
    expect_right(ours.call(other, {}), other);
    starts_become("started\nstarted\n");
}

TEST_F(SocketTest, InputFilesHaveTheOrientationThatIsSent) {
    SocketOptions options;
    options.folder = folder.file("reference");
    options.inputs = InputFiles({{folder.file("main.inp", "{{cell}}")}});
    options.command = "exit 1";
    SocketCode asked(options, {});
    EXPECT_THROW((void)asked.call(structure, {}), CallFailure);
    std::istringstream written(mlff::testing::content_of(folder.file("reference/main.inp")));
    Matrix3 cell;
    for (Eigen::Index k = 0; k < 9; ++k) written >> cell(k % 3, k / 3);
    EXPECT_TRUE(cell.isUpperTriangular(0.0)) << cell;
    EXPECT_TRUE((cell.transpose() * cell).isApprox(structure.cell.transpose() * structure.cell, 1e-9));
}

TEST_F(SocketTest, WithoutAClientThereIsAnEndToWaiting) {
    SocketOptions options;
    options.address = "unix:" + name;
    options.folder = folder.file("reference");
    options.start_limit = 0.2;
    SocketCode lonely(options, {});
    const std::string error = error_of<CallFailure>([&] { (void)lonely.call(structure, {}); });
    EXPECT_NE(error.find("no client connected to /tmp/ipi_" + name), std::string::npos) << error;
}

TEST_F(SocketTest, APollThatThrowsAbandonsTheCall) {
    struct Stop {};
    SocketOptions options;
    options.address = "unix:" + name;
    options.folder = folder.file("reference");
    SocketCode busy(options, [count = 0]() mutable {
        if (++count > 3) throw Stop{};
    });
    start({.faults = {Fault::hangs}});
    EXPECT_THROW((void)busy.call(structure, {}), Stop);
}

TEST_F(SocketTest, AClientThatCannotBeStartedIsNamedAtOnce) {
    SocketOptions options;
    options.folder = folder.file("reference");
    options.command = "echo cannot do it >&2; exit 3";
    options.time_limit = 100.0;
    SocketCode broken(options, {});
    const std::string error = error_of<CallFailure>([&] { (void)broken.call(structure, {}); });
    EXPECT_NE(error.find("ended with exit status 3"), std::string::npos) << error;
    EXPECT_NE(error.find("cannot do it"), std::string::npos) << error;
}

TEST_F(SocketTest, TheClientIsEndedWithTheCode) {
    SocketOptions options;
    options.folder = folder.file("reference");
    options.inputs = InputFiles({{folder.file("main.inp", "atoms {{n_atoms}} at {{socket}} {{unix}}")}});
    options.command = "cp {{input}} {{output}}; echo $$ > pid; trap '' TERM; while true; do sleep 0.05; done";
    options.patience = 0.1;
    const auto pid = [&] { return mlff::testing::content_of(folder.file("reference/pid")); };
    std::string name_of_socket;
    for (double limit = 0.5; pid().empty() && limit < 100.0; limit *= 4.0) {
        options.start_limit = limit;
        SocketCode stubborn(options, {});  // again with more time where a busy machine does not even start the shell
        const std::string error = error_of<CallFailure>([&] { (void)stubborn.call(structure, {}); });
        EXPECT_NE(error.find("no client connected"), std::string::npos) << error;
        name_of_socket = stubborn.listener().name();
    }
    ASSERT_FALSE(pid().empty());
    EXPECT_NE(kill(std::stoi(pid()), 0), 0);
    EXPECT_EQ(mlff::testing::content_of(folder.file("reference/client.out")), "atoms 27 at " + name_of_socket + " T");
}

TEST_F(SocketTest, WhatCannotWorkIsRefused) {
    EXPECT_THROW(SocketCode(SocketOptions{}, {}), std::invalid_argument);
    listen();
    Structure molecule = mlff::testing::dimer("Ag", "I", 2.5);
    EXPECT_THROW(code->check(molecule), InputError);
}

TEST(Listener, AddressesThatAreTaken) {
    const std::string name = unique_name("taken");
    const Listener first("unix:" + name);
    EXPECT_NE(error_of<InputError>([&] { Listener second("unix:" + name); }).find("another program listens"),
              std::string::npos);
    const Listener internet("127.0.0.1:0");
    EXPECT_GT(internet.port(), 0);
    const std::string address = "127.0.0.1:" + std::to_string(internet.port());
    EXPECT_NE(error_of<InputError>([&] { Listener second(address); }).find("has this port"), std::string::npos);
    for (const char* bad : {"", "agi", ":31415", "localhost:", "localhost:70000", "localhost:x", "unix:"})
        EXPECT_THROW(Listener{bad}, InputError) << bad;
    EXPECT_THROW(Listener{"unix:" + std::string(200, 'x')}, InputError);
}

/// The mask for new files is one for all threads: another thread that opens a file meanwhile must not meet ours.
TEST(Listener, LeavesTheMaskOfNewFilesAlone) {
    n_umask_calls = 0;
    const Listener listener("unix:" + unique_name("mask"));
    EXPECT_EQ(n_umask_calls, 0);
    struct stat found {};
    ASSERT_EQ(stat(listener.address().c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777U, 0600U);
}

TEST(Listener, AFileLeftByADeadServerIsReplaced) {
    const std::string name = unique_name("stale"), path = "/tmp/ipi_" + name;
    {
        sockaddr_un where{};
        where.sun_family = AF_UNIX;
        std::strncpy(where.sun_path, path.c_str(), sizeof where.sun_path - 1);
        const int s = socket(AF_UNIX, SOCK_STREAM, 0);
        ASSERT_EQ(bind(s, reinterpret_cast<sockaddr*>(&where), sizeof where), 0);
        close(s);
    }
    ASSERT_TRUE(std::filesystem::exists(path));
    {
        const Listener listener("unix:" + name);
        struct stat found {};
        ASSERT_EQ(stat(path.c_str(), &found), 0);
        EXPECT_EQ(found.st_mode & 0077u, 0u) << "others could connect";
    }
    EXPECT_FALSE(std::filesystem::exists(path));
    std::ofstream(path) << "something of the user's";
    EXPECT_THROW(Listener{"unix:" + name}, InputError);
    EXPECT_TRUE(std::filesystem::exists(path));
    std::filesystem::remove(path);
}

}  // namespace
}  // namespace mlff::reference
