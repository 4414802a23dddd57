#include "kernel/credentials.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

using namespace fl;
using namespace fl::kernel;

namespace {

constexpr std::uint32_t user = 1000, other = 1001;
constexpr unsigned exec = 1, writes = 2, reads = 4;

Credentials user_credentials() {
    Credentials who;
    REQUIRE(who.set_all_groups(user, user, user));
    REQUIRE(who.set_all_users(user, user, user));
    return who;
}

}  // namespace

TEST_CASE("files: owner, group and others each have their own bits, and only those") {
    const Credentials who = user_credentials();
    CHECK(who.check_file_access({user, 0}, S_IFREG | 0400, reads));
    CHECK_FALSE(who.check_file_access({user, 0}, S_IFREG | 0477, writes));
    CHECK(who.check_file_access({0, user}, S_IFREG | 0070, reads | writes | exec));
    CHECK_FALSE(who.check_file_access({0, user}, S_IFREG | 0707, reads));
    CHECK(who.check_file_access({0, 0}, S_IFREG | 0007, reads | writes | exec));
    CHECK_FALSE(who.check_file_access({0, 0}, S_IFREG | 0770, exec));
}

TEST_CASE("files: supplementary groups count") {
    Credentials who = user_credentials();
    who.groups = {10, 20};
    CHECK(who.check_file_access({0, 20}, S_IFREG | 0040, reads));
    CHECK_FALSE(who.check_file_access({0, 15}, S_IFREG | 0040, reads));
}

TEST_CASE("files: capabilities override, but nobody executes what nobody may") {
    Credentials who;
    CHECK(who.check_file_access({user, user}, S_IFREG | 0000, reads | writes));
    CHECK_FALSE(who.check_file_access({user, user}, S_IFREG | 0666, exec));
    CHECK(who.check_file_access({user, user}, S_IFREG | 0001, exec));
    CHECK(who.check_file_access({user, user}, S_IFDIR | 0000, exec));
    who.capabilities.effective = bit_of(Capability::dac_read_search);
    CHECK(who.check_file_access({user, user}, S_IFREG | 0000, reads));
    CHECK_FALSE(who.check_file_access({user, user}, S_IFREG | 0000, reads | writes));
    CHECK(who.check_file_access({user, user}, S_IFDIR | 0000, reads | exec));
    CHECK_FALSE(who.check_file_access({user, user}, S_IFDIR | 0000, writes));
}

TEST_CASE("a change that is refused changes nothing") {
    Credentials who = user_credentials();
    const Credentials before = who;
    CHECK(who.set_user(0).error() == Errno::eperm);
    CHECK(who.set_user(unchanged_id).error() == Errno::einval);
    CHECK(who.set_real_effective_user(user, other).error() == Errno::eperm);
    CHECK(who.set_all_users(user, user, other).error() == Errno::eperm);
    CHECK(who.set_group(0).error() == Errno::eperm);
    CHECK(who.set_real_effective_group(other, user).error() == Errno::eperm);
    CHECK(who.set_all_groups(unchanged_id, other, unchanged_id).error() == Errno::eperm);
    who.set_file_system_user(other);
    who.set_file_system_group(other);
    CHECK(who == before);
}

TEST_CASE("no fixup: root's capabilities stay whoever he becomes") {
    Credentials who;
    who.secure_bits = secure_no_setuid_fixup;
    REQUIRE(who.set_all_users(user, user, user));
    CHECK(who.capabilities.effective == all_capabilities);
    who.set_file_system_user(0);
    CHECK(who.capabilities.permitted == all_capabilities);
}

TEST_CASE("the real user of access(2)") {
    Credentials who;
    REQUIRE(who.set_real_effective_user(user, 0));
    CHECK(who.of_real_user().user.file_system == user);
    CHECK(who.of_real_user().capabilities.effective == 0);
    Credentials half;
    REQUIRE(half.set_all_users(0, user, 0));
    CHECK(half.capabilities.effective == 0);
    CHECK(half.of_real_user().capabilities.effective == all_capabilities);
}

TEST_CASE("exec: the bounding set bounds root, ambient capabilities stay, keep-caps does not") {
    Credentials root;
    root.capabilities.bounding = bit_of(Capability::kill);
    root.secure_bits = secure_keep_caps;
    const auto after = credentials_after_exec(root, {0, 0}, S_IFREG | 0755, ExecPrivileges::full);
    CHECK(after.credentials.capabilities.permitted == bit_of(Capability::kill));
    CHECK(after.credentials.capabilities.effective == bit_of(Capability::kill));
    CHECK(after.credentials.secure_bits == 0);
    CHECK_FALSE(after.is_secure);

    Credentials who = user_credentials();
    who.capabilities.ambient = who.capabilities.inheritable = bit_of(Capability::chown);
    const auto kept = credentials_after_exec(who, {0, 0}, S_IFREG | 0755, ExecPrivileges::full);
    CHECK(kept.credentials.may(Capability::chown));
    CHECK_FALSE(kept.is_secure);
    const auto dropped = credentials_after_exec(who, {other, 0}, S_IFREG | 04755, ExecPrivileges::full);
    CHECK(dropped.credentials.user == Identity{user, other, other, other});
    CHECK_FALSE(dropped.credentials.may(Capability::chown));
    CHECK(dropped.is_secure);
}

TEST_CASE("exec: with secure_no_root root is a user like any other") {
    Credentials root;
    root.secure_bits = secure_no_root;
    const auto after = credentials_after_exec(root, {0, 0}, S_IFREG | 0755, ExecPrivileges::full);
    CHECK(after.credentials.capabilities.permitted == 0);
}

TEST_CASE("signals: who may send them") {
    const Credentials who = user_credentials();
    Credentials target;
    CHECK_FALSE(may_signal(who, target));
    target.user.saved = user;
    CHECK(may_signal(who, target));
    target.user = {0, user, 0, user};
    CHECK_FALSE(may_signal(who, target));
    CHECK(may_signal(Credentials{}, who));
}
