#include "lib/token.h"
