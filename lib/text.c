#include "lib/text.h"
