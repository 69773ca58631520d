#include "lib/lobby.h"
