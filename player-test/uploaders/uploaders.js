// One file by one of the uploaders that people use, asked by `window.state()` and told by
// `window.press`. `?with=uppy-tus|uppy-s3|tus-js&endpoint=URL`, of `/api/uploads` at an origin.
// The file is chosen in the input that `window.input` selects.

import Uppy from "@uppy/core";
import AwsS3 from "@uppy/aws-s3";
import Dashboard from "@uppy/dashboard";
import GoldenRetriever from "@uppy/golden-retriever";
import Tus from "@uppy/tus";
import * as tus from "tus-js-client";

import "@uppy/core/css/style.min.css";
import "@uppy/dashboard/css/style.min.css";

const query = new URLSearchParams(location.search);
const endpoint = query.get("endpoint");
const retryDelays = [100, 500, 1000, 1000, 2000, 2000, 2000, 2000];
const told = { sent: 0, size: 0, error: null, url: null };

function tusJs() {
  const file = document.getElementById("file");
  file.addEventListener("change", async () => {
    const [chosen] = file.files;
    const upload = new tus.Upload(chosen, {
      endpoint,
      retryDelays,
      metadata: { filename: chosen.name },
      onProgress: (sent, size) => Object.assign(told, { sent, size }),
      onError: (error) => (told.error = String(error)),
      onSuccess: () => (told.url = upload.url),
    });
    const [previous] = await upload.findPreviousUploads();
    if (previous) upload.resumeFromPreviousUpload(previous);
    upload.start();
  });
  return "#file";
}

function uppy(plugin, options) {
  document.getElementById("file").remove();
  const uppy = new Uppy({ id: query.get("with") })
    .use(Dashboard, { target: "#dashboard", inline: true })
    .use(GoldenRetriever)
    .use(plugin, options);
  uppy.on("file-added", (file) => uppy.setFileMeta(file.id, { size: file.size }));
  uppy.on("upload-progress", (_, { bytesUploaded, bytesTotal }) => {
    Object.assign(told, { sent: bytesUploaded, size: bytesTotal });
  });
  uppy.on("upload-error", (_, error) => (told.error = String(error)));
  uppy.on("upload-success", (_, { uploadURL }) => (told.url = uploadURL));
  window.uppy = uppy;
  return ".uppy-Dashboard-input";
}

window.state = () => ({ ...told, files: window.uppy?.getFiles().length ?? 0 });

/** Presses a button of the Dashboard: `upload` or `retry`. */
window.press = (name) => {
  const button = document.querySelector(`.uppy-StatusBar-actionBtn--${name}`);
  if (button === null) return false;
  told.error = null;
  button.click();
  return true;
};

/** Presses Re-select, beside a file of which Uppy has forgotten the bytes. */
window.reselect = () => {
  const button = document.querySelector(".uppy-Dashboard-Item-reSelect");
  button?.click();
  return button !== null;
};

/** Presses Retry where the uploader gave up. */
window.retried = () => told.error === null || window.press("retry") || true;

window.input = {
  "tus-js": tusJs,
  "uppy-tus": () => uppy(Tus, { endpoint, retryDelays }),
  "uppy-s3": () => uppy(AwsS3, { companionEndpoint: endpoint, shouldUseMultipart: true }),
}[query.get("with")]();
