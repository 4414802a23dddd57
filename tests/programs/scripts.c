// scripts FILE...: runs Lua scripts, each in a fresh state, with Lua's own libraries.
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>

int main(int argc, char** argv) {
    int failed = 0;
    for (int i = 1; i < argc; ++i) {
        lua_State* state = luaL_newstate();
        if (state == NULL) return 2;
        luaL_openlibs(state);
        if (luaL_dofile(state, argv[i]) != LUA_OK) {
            printf("%s\n", lua_tostring(state, -1));
            failed = 1;
        }
        lua_close(state);
    }
    return failed;
}
