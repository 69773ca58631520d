#include "lib/gameserver.h"
