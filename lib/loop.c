#include "lib/loop.h"
