// The behaviour of the page: each module looks for its own marks in the HTML, and does nothing without them.
import { wireChanges } from "./changes.js";
import { wireCopies } from "./copies.js";
import { keepLive } from "./live.js";
import { showPlaces } from "./places.js";
import { wireUpload } from "./upload.js";

wireChanges();
wireCopies();
wireUpload();
showPlaces();
keepLive();
